use super::*;
use crate::policy::{Access, BOUNDS, Preset, layered};

const GUIDE: &str = include_str!("../../../../docs/guide/sandbox-policies.md");

fn examples() -> Vec<&'static str> {
    let blocks = GUIDE.split("```toml\n").skip(1);
    blocks.filter_map(|rest| rest.split("```").next()).collect()
}

#[test]
fn the_guides_examples_work() {
    let [mine, projects, git] = examples().try_into().expect("the guide has three examples");
    let read =
        |text: &str| Document::read("guide", text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    let policy = layered(Preset::Build, Some(&read(mine)), Some(&read(projects))).unwrap();
    let at = |path: &str| policy.file(&places(), path.as_ref()).0;
    assert_eq!(at("/home/u/.cache/pip"), Access::Write);
    assert_eq!(at("/home/u/work/app/src"), Access::Write);
    assert_eq!(at("/home/u/work/app/x"), Access::Read);
    assert!(policy.host("index.crates.io", 443).is_some() && policy.host("api.example.com", 443).is_none());
    let policy = layered(Preset::Build, Some(&read(git)), None).unwrap();
    assert_eq!(policy.file(&places(), "/home/u/.gitconfig".as_ref()).0, Access::Read);
    let error = layered(Preset::Build, None, Some(&read(git))).unwrap_err();
    assert!(error.to_string().contains("`~/.gitconfig` is not to be read"), "{error}");
}

#[test]
fn the_guide_names_every_preset_and_bound() {
    for preset in Preset::ALL {
        assert!(GUIDE.contains(&format!("| `{}`", preset.name())), "{}", preset.name());
    }
    for bound in &BOUNDS {
        let row = format!("| `{}` | {} | {} |", bound.name, bound.min, bound.max);
        assert!(GUIDE.contains(&row), "{row}");
    }
}
