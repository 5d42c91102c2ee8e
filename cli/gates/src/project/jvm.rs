//! Projects of Maven and of Gradle.

use super::folder::Folder;
use super::{Kind, Part, Reach, Step, Tests};
use crate::runner::{Reports, Runner};

pub(super) fn maven(folder: &Folder<'_>) -> Option<Part> {
    if !folder.has("pom.xml") {
        return None;
    }
    let program = if folder.has("mvnw") { "./mvnw" } else { "mvn" };
    let mut part = Part::new(folder, Kind::Maven);
    part.build.push(Step::new([program, "-B", "-DskipTests", "package"]));
    part.test = Some(Tests::new(Step::new([program, "-B", "test"]), &[Runner::Maven]));
    let pom = folder.text("pom.xml").unwrap_or_default();
    if pom.contains("<artifactId>maven-checkstyle-plugin</artifactId>") {
        part.lint.push(Step::new([program, "-B", "checkstyle:check"]));
    }
    if pom.contains("<artifactId>spring-boot-maven-plugin</artifactId>") {
        part.start = Some(Step::new([program, "-B", "spring-boot:run"]));
    }
    // Its modules are below it, or are tested by themselves as well.
    part.reach = Reach::Below(Vec::new());
    Some(part)
}

pub(super) fn gradle(folder: &Folder<'_>) -> Option<Part> {
    let settings = ["settings.gradle", "settings.gradle.kts"];
    let build = folder.first(&["build.gradle", "build.gradle.kts"]);
    if build.is_none() && !folder.has_any(&settings) {
        return None;
    }
    let program = if folder.has("gradlew") { "./gradlew" } else { "gradle" };
    let task = |task: &str| Step::new([program, "--no-daemon", "--console=plain", task]);
    let mut part = Part::new(folder, Kind::Gradle);
    part.build.push(task("assemble"));
    part.test = Some(Tests { reports: Reports::Gradle, ..Tests::new(task("test"), &[]) });
    let text = build.and_then(|name| folder.text(name)).unwrap_or_default();
    if text.contains("org.springframework.boot") {
        part.start = Some(task("bootRun"));
    }
    part.reach = Reach::Below(Vec::new());
    Some(part)
}
