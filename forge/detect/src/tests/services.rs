//! Services other than tables, what rules them out, and products without a backend.

use super::read;
use crate::{ExclusionReason, FunctionKind};

#[test]
fn a_page_that_keeps_to_the_browser_needs_nothing() {
    for document in [
        "# Tip calculator\n\nA page in vanilla JavaScript. Enter the bill, see the tip. Settings are kept in localStorage.\n",
        "# Kanban\n\nUsers can create, edit and delete cards. No backend: everything is stored in localStorage.\n",
        "# csvcut\n\nA command line tool that reads a CSV file and prints chosen columns to stdout.\n",
        "# Notes\n\nUsers add, edit and delete notes, saved locally in the browser.\n\n## Out of scope\n- PostgreSQL database and login\n",
    ] {
        let found = read(document);
        assert!(found.none, "{document}\n{found:?}");
        assert!(found.tables.is_empty() && found.auth.is_empty());
    }
}

#[test]
fn the_reason_for_nothing_is_recorded() {
    let found = read(
        "# Notes\n\nNotes are saved in localStorage.\n\n## Non-goals\n- Stripe payments\n- User login\n",
    );
    let reasons: Vec<(&str, ExclusionReason, &[u32])> =
        found.exclusions.iter().map(|e| (e.what.as_str(), e.reason, e.lines.as_slice())).collect();
    assert!(reasons.contains(&("payments", ExclusionReason::OutOfScope, &[6])), "{reasons:?}");
    assert!(reasons.contains(&("auth", ExclusionReason::OutOfScope, &[7])), "{reasons:?}");
    assert!(reasons.contains(&("tables", ExclusionReason::ClientSide, &[3])), "{reasons:?}");
}

#[test]
fn providers_are_taken_only_as_named_for_sign_in() {
    let found = read(
        "## Authentication\n- Sign in with Google\n- Email and password\n\n## Maps\nThe page shows Apple Maps and a GitHub link.\n",
    );
    assert_eq!(found.auth, ["google", "email-password"]);
    assert_eq!(found.evidence["auth.google"], [2]);
    assert_eq!(
        read("Users log in with a magic link instead of passwords. The backend stores nothing else.\n").auth,
        ["magic-link"]
    );
    assert!(
        read("The backend has no login and no user accounts. Visitors can create and delete posts.\n")
            .auth
            .is_empty()
    );
}

#[test]
fn uploads_make_buckets_and_imports_do_not() {
    let kept = read("Members log in and upload a profile picture. They attach documents to a claim.\n");
    let names: Vec<&str> = kept.storage.iter().map(|b| b.name.as_str()).collect();
    assert_eq!(names, ["avatars", "attachments"]);
    assert!(read("Staff log in and upload a CSV file, which is converted.\n").storage.is_empty());
}

#[test]
fn functions_by_what_sets_them_off() {
    let found = read(
        "The backend handles Stripe webhooks. It sends email notifications to members. A background job resizes pictures.\n",
    );
    let kinds: Vec<FunctionKind> = found.functions.iter().map(|f| f.kind).collect();
    assert_eq!(kinds, [FunctionKind::Webhook, FunctionKind::Notification, FunctionKind::Job]);
    assert_eq!(found.payments, ["stripe"]);
}

#[test]
fn schedules_with_cron_and_zone() {
    for (sentence, cron, zone) in [
        ("The server sends a digest every day at 8:30 am IST.", Some("30 8 * * *"), "Asia/Kolkata"),
        ("A job runs every 15 minutes.", Some("*/15 * * * *"), "UTC"),
        ("Every Monday at 9am the backend sends the report.", Some("0 9 * * 1"), "UTC"),
        ("A nightly job purges old rows on the server.", Some("0 0 * * *"), "UTC"),
        ("The backend runs the export on `5 4 * * 0` (Europe/Madrid).", Some("5 4 * * 0"), "Europe/Madrid"),
        ("On the 1st of the month the server generates bills.", Some("0 0 1 * *"), "UTC"),
        ("The server sends a weekly newsletter.", None, "UTC"),
        ("サーバーは毎朝9時にメールを送信する。", Some("0 9 * * *"), "UTC"),
    ] {
        let found = read(sentence);
        assert_eq!(found.schedules.len(), 1, "{sentence}: {found:?}");
        assert_eq!(found.schedules[0].cron.as_deref(), cron, "{sentence}");
        assert_eq!(found.schedules[0].tz, zone, "{sentence}");
    }
}

#[test]
fn looking_at_a_period_is_no_schedule() {
    for sentence in [
        "Users can view daily and weekly charts of their sales on the server.",
        "Tasks repeat daily, weekly or monthly; the backend stores the choice.",
        "The backend shows the monthly trend.",
    ] {
        assert!(read(sentence).schedules.is_empty(), "{sentence}");
    }
}

#[test]
fn realtime_means_a_push_to_clients() {
    assert!(!read("The backend pushes chat messages over WebSockets.\n").realtime.is_empty());
    assert!(read("The backend gives real-time validation and fast search.\n").realtime.is_empty());
}

#[test]
fn vectors_and_models_are_told_apart() {
    let found = read("The backend answers with the OpenAI API and semantic search over pgvector.\n");
    assert!(found.vector_search && found.ai_gateway);
    assert!(
        !read("# Search\n\nThe backend offers full-text search with tsvector. No AI, no LLM.\n").ai_gateway
    );
    assert!(
        !read("A library to train word embeddings. Word embeddings are saved by word2vec.\n").vector_search
    );
}

#[test]
fn secrets_are_names_that_hold_secrets() {
    let found = read(
        "Members log in.\n\n```env\nSTRIPE_SECRET_KEY=\nNEXT_PUBLIC_API_KEY=\nDATABASE_URL=\nPORT=\nJWT_SECRET=\n```\n",
    );
    assert_eq!(found.secrets, ["STRIPE_SECRET_KEY", "JWT_SECRET"]);
    assert_eq!(found.evidence["secrets.JWT_SECRET"], [8]);
}

#[test]
fn an_item_in_capitals_is_no_heading() {
    let found =
        read("# Notes\n\nA page.\n\n## Budget\n- AWS\n- OpenAI API\n\n### 予算\n* OSSの\n* Gemini API\n");
    assert!(!found.ai_gateway, "{found:?}");
}
