//! Calls that nobody but a person decides on.

use super::*;

/// A tool that acts once for each approval, and asks nobody but a person.
struct Asks(Arc<World>);

#[async_trait]
impl Tool for Asks {
    fn spec(&self) -> ToolSpec {
        ToolSpec { name: "migrate".into(), description: String::new(), input_schema: json!({}) }
    }
    fn reads_only(&self) -> bool {
        false
    }
    fn recovery(&self) -> Recovery {
        Recovery::Report
    }
    async fn prepare_call(&self, call: &str, _input: &Value) -> Option<String> {
        Some(call.to_owned())
    }
    async fn call(&self, input: &Value, expects: Option<&str>) -> Result<Answer, ToolError> {
        let subject = expects.unwrap().to_owned();
        if !self.0.approved.lock().unwrap().remove(&subject) {
            let bare = Proposal { findings: vec![], facts: vec![], undo: vec![], ..proposal("lossy") };
            return Ok(Answer::Review(Box::new(Proposal { subject, person_alone: true, ..bare })));
        }
        self.0.applied.lock().unwrap().push(input["name"].as_str().unwrap().to_owned());
        Ok(Answer::Done { summary: "did".into(), output: "did".into() })
    }
    async fn approve(&self, subject: &str, by: &Approver) -> Result<(), ToolError> {
        assert!(matches!(by, Approver::Person { .. }), "no council approves it");
        self.0.approved.lock().unwrap().insert(subject.to_owned());
        Ok(())
    }
}

/// The same call twice is two calls: what was approved once is asked for again, and no facts are missed.
#[tokio::test]
async fn an_approval_of_a_call_is_for_that_call() {
    const TWICE: &[&str] = &["same", "same"];
    let (dir, world) = (tempfile::tempdir().unwrap(), Arc::new(World::default()));
    let mut engine = engine(dir.path(), &world, TWICE, scripted(TWICE));
    engine.tools[1] = Arc::new(Asks(Arc::clone(&world)));
    let mut run = load(&engine).unwrap();
    let mut subjects = BTreeSet::new();
    for done in 0..2 {
        let Stop::NeedsPerson { subject } = drive(&engine, &mut run).await.unwrap() else { panic!("{done}") };
        assert_eq!(world.applied.lock().unwrap().len(), done);
        assert!(subject.starts_with("r1/1/"), "{subject}");
        assert!(subjects.insert(subject.clone()), "another call, another question");
        let approve = Command::Approve { subject, name: "ada".into(), reason: String::new() };
        engine.ledger.reader().send(&run.id, &approve).unwrap();
        assert!(reopen(&engine, &mut run, None).unwrap());
    }
    assert_eq!(drive(&engine, &mut run).await.unwrap(), Stop::Verified);
    assert_eq!(*world.applied.lock().unwrap(), TWICE);
}
