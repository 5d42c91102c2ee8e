//! The documents `loki init --template` starts a project from, kept beside this crate as
//! `<name>/PRD.md` and built into the program.
//!
//! Each is a whole document about a product with a name of its own; [`render`] puts the project's name
//! in its place.

/// A document to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Template {
    /// What it is asked for by.
    pub name: &'static str,
    /// What it describes, in one line.
    pub about: &'static str,
    /// The product's name in the text.
    pub product: &'static str,
    /// The document.
    pub text: &'static str,
}

/// There is no template of that name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no template `{name}`")]
pub struct UnknownTemplate {
    /// The name that was asked for.
    pub name: String,
}

static TEMPLATES: [Template; 4] = [
    Template {
        name: "forge-saas",
        about: "a subscription product: teams, posts, Google sign-in, uploads, a daily digest, Stripe",
        product: "Inkwell",
        text: include_str!("../forge-saas/PRD.md"),
    },
    Template {
        name: "forge-twitter-clone",
        about: "a small social network: follows, likes, replies, pictures, a live timeline",
        product: "Chirrup",
        text: include_str!("../forge-twitter-clone/PRD.md"),
    },
    Template {
        name: "forge-internal-tool",
        about: "a tool for one company: equipment on loan, two roles, files, e-mail, a weekday list",
        product: "Toolroom",
        text: include_str!("../forge-internal-tool/PRD.md"),
    },
    Template {
        name: "static-site",
        about: "a page that keeps everything on the device and needs no backend",
        product: "Pocketlist",
        text: include_str!("../static-site/PRD.md"),
    },
];

/// Every template, in the order they are shown.
pub fn list() -> &'static [Template] {
    &TEMPLATES
}

/// The template called `name`.
pub fn get(name: &str) -> Result<&'static Template, UnknownTemplate> {
    let found = TEMPLATES.iter().find(|template| template.name == name);
    found.ok_or_else(|| UnknownTemplate { name: name.to_owned() })
}

/// The document of the template called `name`, about a product called `project_name`.
///
/// A blank name keeps the template's own. Line breaks and other control characters in the name are
/// dropped: it stands in a heading.
pub fn render(name: &str, project_name: &str) -> Result<String, UnknownTemplate> {
    let template = get(name)?;
    let project_name: String = project_name.chars().filter(|c| !c.is_control()).collect();
    let product = match project_name.trim() {
        "" => template.product,
        given => given,
    };
    Ok(template.text.replace(template.product, product))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_folder_is_listed_and_every_name_is_its_folder() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let entries = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
        let mut folders: Vec<String> = entries
            .filter(|path| path.join("PRD.md").is_file())
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        folders.sort();
        let mut names: Vec<&str> = list().iter().map(|template| template.name).collect();
        names.sort_unstable();
        assert_eq!(folders, names);
        for template in list() {
            let on_disk = std::fs::read_to_string(root.join(template.name).join("PRD.md")).unwrap();
            assert_eq!(on_disk, template.text, "{}", template.name);
        }
    }

    #[test]
    fn a_document_reads_like_one() {
        for template in list() {
            let lines = template.text.lines().count();
            assert!((60..=150).contains(&lines), "{} has {lines} lines", template.name);
            assert!(template.text.starts_with(&format!("# {}\n", template.product)), "{}", template.name);
            assert!(!template.about.ends_with('.'), "{}", template.name);
        }
    }

    #[test]
    fn the_projects_name_takes_the_products_place() {
        let text = render("forge-saas", "Night Desk\n").unwrap();
        assert!(text.starts_with("# Night Desk\n\nNight Desk is a subscription product"), "{text}");
        assert!(!text.contains("Inkwell"));
        assert_eq!(render("forge-saas", " ").unwrap(), get("forge-saas").unwrap().text);
    }

    #[test]
    fn an_unknown_name_is_said() {
        let error = render("forge-sass", "x").unwrap_err();
        assert_eq!(error.to_string(), "there is no template `forge-sass`");
    }
}
