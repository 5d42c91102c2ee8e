//! Resources and prompts.

use super::*;

#[tokio::test]
async fn what_can_be_read_is_listed_and_reads() {
    let bench = Bench::with_forge().await;
    let listed = bench.desk.resources().await;
    let uris: Vec<&str> = listed.iter().map(|info| info.uri.as_str()).collect();
    assert_eq!(uris, ["loki://project/status", "loki://forge/summary", "loki://run/r1/events"]);
    for uri in uris {
        let read = bench.desk.read(uri).await.unwrap();
        assert!(!read.text.is_empty() && read.uri == uri, "{uri}");
    }
    let status: Value =
        serde_json::from_str(&bench.desk.read("loki://project/status").await.unwrap().text).unwrap();
    assert_eq!((&status["run"], &status["state"]), (&json!("r1"), &json!("interrupted")));
    assert!(bench.desk.read("loki://forge/summary").await.unwrap().text.contains("notes"));
}

#[tokio::test]
async fn a_bare_project_can_be_looked_at_and_stays_bare() {
    let bench = Bench::bare();
    let listed = bench.desk.resources().await;
    assert_eq!(listed.len(), 1);
    assert_eq!(bench.desk.read(&listed[0].uri).await.unwrap().text, "{\"state\":\"no_run\"}");
    assert!(bench.desk.read("loki://forge/summary").await.is_err());
    assert!(!bench.desk.app.state().exists());
}

#[tokio::test]
async fn events_come_in_pages_that_lead_on() {
    let bench = Bench::with_run();
    let ledger = Ledger::open(bench.desk.app.state(), Arc::new(SystemClock)).unwrap();
    let run = RunId::parse("r1").unwrap();
    // More than one page takes: a thousand events, or 64 KiB.
    for iteration in 1..=1_500 {
        ledger.append(&run, Event::IterationStarted { iteration }).unwrap();
    }
    drop(ledger);
    let (mut uri, mut seen, mut pages) = ("loki://run/r1/events".to_owned(), Vec::new(), 0);
    loop {
        let text = bench.desk.read(&uri).await.unwrap().text;
        assert!(text.len() <= 80 << 10, "{} bytes", text.len());
        pages += 1;
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        seen.extend(lines.iter().filter_map(|line| line["seq"].as_u64()));
        match lines.last().and_then(|line| line["next"].as_str()) {
            Some(next) => uri = next.to_owned(),
            None => break,
        }
    }
    assert!(pages > 1);
    assert_eq!(seen, (1..=1_501).collect::<Vec<u64>>());
}

#[tokio::test]
async fn addresses_lead_nowhere_else() {
    let bench = Bench::with_run();
    for uri in [
        "",
        "loki://",
        "loki://run/r1",
        "loki://run/r1/",
        "loki://run/../receipt",
        "loki://run/r1/events?after=",
        "loki://run/r1/events?after=-1",
        "loki://run/r1/events?before=1",
        "loki://run/r1/receipt?x",
        "loki://run/r1/receipt",
        "loki://run/%2e%2e/receipt",
        "file:///etc/passwd",
        &"x".repeat(100_000),
    ] {
        let refusal = bench.desk.read(uri).await.unwrap_err();
        assert_eq!(refusal.code, "no_resource", "{uri:.40}");
        assert!(refusal.message.len() < 300);
    }
    assert_eq!(bench.desk.read("loki://run/r2/events").await.unwrap_err().code, "no_run");
}

#[tokio::test]
async fn prompts_are_filled_in_or_refused() {
    let bench = Bench::with_forge().await;
    let names: Vec<&str> = bench.desk.prompts().iter().map(|prompt| prompt.name).collect();
    assert_eq!(names, ["start_project", "review_migration", "why_stopped"]);
    assert!(Bench::bare().desk.prompts().iter().all(|prompt| prompt.name != "review_migration"));
    let arguments = |value: Value| value.as_object().unwrap().clone();
    for prompt in bench.desk.prompts() {
        let mut given = Map::new();
        for argument in prompt.arguments {
            given.insert(argument.name.to_owned(), json!("VALUE-OF-IT"));
        }
        let messages = bench.desk.prompt(prompt.name, &given).await.unwrap();
        assert!(messages[0].text.contains("VALUE-OF-IT"), "{}", prompt.name);
        given.insert("odd".to_owned(), json!("x"));
        assert_eq!(bench.desk.prompt(prompt.name, &given).await.unwrap_err().code, "invalid_input");
    }
    for (name, given) in [
        ("start_project", json!({})),
        ("start_project", json!({ "document": 1 })),
        ("review_migration", json!({ "spec": "x".repeat(70_000) })),
    ] {
        assert_eq!(bench.desk.prompt(name, &arguments(given)).await.unwrap_err().code, "invalid_input");
    }
    assert_eq!(bench.desk.prompt("none", &Map::new()).await.unwrap_err().code, "no_prompt");
}
