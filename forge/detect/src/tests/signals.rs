//! Sign-in, files, functions, schedules and channels: what is one thing, and what it is called.

use super::read;
use crate::{Access, ExclusionReason, FunctionKind};

#[test]
fn a_label_and_its_sentence_are_one_schedule_and_one_function() {
    let found = read(
        "# Paper\n\nThe backend does the following.\n\n- **Morning digest.** Every day at 06:30 Europe/Paris (cron `30 6 * * *`) each editor gets one e-mail.\n",
    );
    let schedules: Vec<_> =
        found.schedules.iter().map(|s| (s.name.as_str(), s.cron.as_deref(), s.tz.as_str())).collect();
    assert_eq!(schedules, [("morning-digest", Some("30 6 * * *"), "Europe/Paris")]);
    let functions: Vec<_> = found.functions.iter().map(|f| (f.name.as_str(), f.kind)).collect();
    assert_eq!(functions, [("morning-digest", FunctionKind::Scheduled)]);
}

#[test]
fn the_same_work_with_and_without_its_hour_is_one_schedule() {
    let found = read(
        "The server sends stewards the shortage list every weekday morning.\n\nShortage list: Monday to Friday at 07:15 the backend sends it.\n",
    );
    let crons: Vec<_> = found.schedules.iter().map(|s| s.cron.as_deref()).collect();
    assert_eq!(crons, [Some("15 7 * * 1-5")], "{found:?}");
}

#[test]
fn schedules_are_named_by_what_they_do() {
    for (sentence, name) in [
        ("Every Monday at 9am the backend sends the stock report to managers.", "send-stock-report"),
        ("A nightly data sync runs at 2:00 on the server.", "nightly-data-sync"),
        ("On the server: every hour, old sessions are deleted automatically.", "scheduled-job"),
    ] {
        let found = read(sentence);
        assert_eq!(found.schedules.len(), 1, "{sentence} {found:?}");
        assert_eq!(found.schedules[0].name, name, "{sentence}");
    }
}

#[test]
fn clock_words_of_many_languages() {
    for (sentence, cron) in [
        ("Il backend invia il riepilogo ogni lunedì alle 8.", "0 8 * * 1"),
        ("Сервер отправляет отчёт каждый понедельник в 9.", "0 9 * * 1"),
        ("Server mengirim laporan setiap hari pukul 7.", "0 7 * * *"),
        ("De server stuurt elke vrijdag om 17 uur een overzicht.", "0 17 * * 5"),
        ("Das Backend versendet die Liste werktags um 7:30 Uhr.", "30 7 * * 1-5"),
        ("El backend envía el resumen de lunes a viernes a las 18.", "0 18 * * 1-5"),
        ("The server generates bills on day 5 of the month at 03:00.", "0 3 5 * *"),
        ("Ogni giovedì alle 9 il server invia una mail.", "0 9 * * 4"),
        ("The server purges old rows every Tuesday and Thursday at 9pm.", "0 21 * * 2,4"),
    ] {
        let found = read(sentence);
        let crons: Vec<_> = found.schedules.iter().map(|s| s.cron.as_deref()).collect();
        assert_eq!(crons, [Some(cron)], "{sentence}");
    }
}

#[test]
fn a_general_webhook_is_the_named_one() {
    let found = read(
        "The backend has a webhook, `parcel-update`, that the carrier calls.\n\nA webhook call without a signature is refused.\n",
    );
    let functions: Vec<_> = found.functions.iter().map(|f| (f.name.as_str(), f.lines.as_slice())).collect();
    assert_eq!(functions, [("parcel-update", &[1, 3][..])]);
}

#[test]
fn mail_is_sent_however_it_is_put() {
    for sentence in [
        "The backend serves all. The tenant gets an e-mail when the repair is done.",
        "The backend serves all. An e-mail goes to every steward.",
        "The backend serves all. Applicants are notified by email.",
    ] {
        assert_eq!(read(sentence).functions.len(), 1, "{sentence}");
    }
    for sentence in [
        "The backend keeps the e-mail address that a visitor sends.",
        "Members of the backend log in; whoever forgot the password gets an e-mail.",
    ] {
        assert!(read(sentence).functions.is_empty(), "{sentence}");
    }
}

#[test]
fn a_paragraph_may_ask_for_more_than_one_function() {
    let found = read(
        "Van hire. Members log in. The carrier calls a webhook. Old offers are closed automatically by an hourly job on the server.\n",
    );
    let functions: Vec<_> = found.functions.iter().map(|f| (f.name.as_str(), f.kind)).collect();
    assert_eq!(functions, [("hourly-job", FunctionKind::Scheduled), ("webhook", FunctionKind::Webhook)]);
}

#[test]
fn buckets_that_are_named_are_all_there_are() {
    for (sentence, names) in [
        ("Photos and bills are uploaded to a private bucket, `case-files`.", &["case-files"][..]),
        ("Avatars and images are uploaded to a bucket called `media`.", &["media"]),
        ("Members upload faces to a bucket `faces` and scans to a bucket `scans`.", &["faces", "scans"]),
        ("Covers live in the covers bucket.", &["covers"]),
    ] {
        let found = read(&format!("Members log in and upload an avatar.\n\n{sentence}\n"));
        let given: Vec<&str> = found.storage.iter().map(|b| b.name.as_str()).collect();
        assert_eq!(given, names, "{sentence}");
    }
}

#[test]
fn files_that_are_not_kept_need_no_bucket() {
    let found = read(
        "The backend takes an uploaded PDF and returns its text.\n\nUploaded files are processed in memory and are not stored.\n",
    );
    assert!(found.storage.is_empty(), "{found:?}");
}

#[test]
fn sign_in_with_a_provider_however_it_is_put() {
    for (sentence, auth) in [
        ("Everyone signs in with the firm's Google account.", &["google"][..]),
        ("Members sign in with e-mail and password or with GitHub.", &["github", "email-password"]),
        ("People sign in with e-mail and with Google.", &["google", "email-password"]),
        ("People sign in with Google or e-mail.", &["google", "email-password"]),
        ("Users sign in with Google or by e-mail.", &["google", "email-password"]),
        ("People sign in with Google, and get a summary by e-mail.", &["google"]),
        ("Login via GitLab.", &["gitlab"]),
        ("Employees log in through SAML.", &["saml"]),
        ("Die Mitglieder melden sich mit Google an.", &["google"]),
        ("Users sign in with a login link sent by e-mail.", &["magic-link"]),
    ] {
        assert_eq!(read(sentence).auth, auth, "{sentence}");
    }
}

#[test]
fn who_need_not_sign_in_does_not_end_sign_in() {
    let found = read(
        "Visitors read without signing in. Members sign in with email and password to write on the server.\n",
    );
    assert_eq!(found.auth, ["email-password"]);
    assert_eq!(
        read("Employees log in with Google. Nothing is visible without signing in.\n").auth,
        ["google"]
    );
    assert!(
        read("The app works without an account on any server. Login is out of the question.\n")
            .auth
            .is_empty()
    );
}

#[test]
fn channels_are_named_by_what_is_pushed() {
    for (document, name) in [
        ("Connected members receive new bids over a WebSocket from the backend.", "bids"),
        ("The backend pushes chat over WebSockets.", "chat"),
        ("The backend is told at once. New tickets appear instantly for all connected agents.", "tickets"),
        ("# A\n\nThe backend serves it.\n\n## Live map\n\nEverything is done by WebSocket.\n", "live-map"),
    ] {
        let found = read(document);
        assert_eq!(found.realtime.len(), 1, "{document} {found:?}");
        assert_eq!(found.realtime[0].name, name, "{document}");
    }
}

#[test]
fn words_that_only_look_like_a_service_are_examples() {
    let found = read(
        "# Gateway\n\nThe backend limits calls with a token bucket and stores them in the database. It gives real-time validation.\n\nUsers create notes and delete notes.\n",
    );
    let given: Vec<_> = found.exclusions.iter().map(|e| (e.what.as_str(), e.reason)).collect();
    assert!(given.contains(&("storage", ExclusionReason::Example)), "{given:?}");
    assert!(given.contains(&("realtime", ExclusionReason::Example)), "{given:?}");
    assert!(found.storage.is_empty() && found.realtime.is_empty());
}

#[test]
fn access_is_what_the_sentences_about_a_table_say() {
    let fields = "- id: uuid, primary key\n- title: text, required\n- created_at: timestamp\n";
    for (sentence, access) in [
        ("Everyone may read recipes; only the author changes them.", Access::OwnOrPublic),
        ("Everyone can read recipes; members edit only their own.", Access::OwnOrPublic),
        ("Anyone can browse recipes; only admins manage them.", Access::Public),
        ("Only administrators see recipes.", Access::Private),
        ("A member sees only their own recipes.", Access::Own),
        ("A member sees and changes only their own row.", Access::Own),
        ("Recipes are sorted by title.", Access::Unspecified),
        ("Everyone may read recipes.", Access::Unspecified),
    ] {
        let document = format!(
            "# Kitchen\n\nMembers log in; the server keeps all.\n\n## Data model\n\n### recipes\n\n{fields}\n{sentence}\n"
        );
        let found = read(&document);
        let recipes = found.tables.iter().find(|t| t.name == "recipes").expect("the table");
        assert_eq!(recipes.access, access, "{sentence}");
    }
}

#[test]
fn a_tool_without_a_backend_may_need_a_key() {
    let found = read("# fetchcut\n\nA command line tool that prints to stdout. Set `CUT_API_KEY` first.\n");
    assert!(found.none);
    assert_eq!(found.secrets, ["CUT_API_KEY"]);
    assert_eq!(found.evidence["secrets.CUT_API_KEY"], [3]);
}
