//! What headings say about the grids and lists under them: a data model, or something else that
//! also comes as names with types, such as parameters, settings or parts of an interface.

use crate::lexicon;
use crate::scope::{self, Scoped};

/// Headings that announce tables when they are the whole title.
const MODELS: &[&str] = &[
    "data",
    "domain",
    "the data",
    "our data",
    "data we store",
    "data stored",
    "stored data",
    "data to store",
    "what we store",
    "what is stored",
    "records",
    "objects",
    "main objects",
    "core objects",
    "business objects",
    "key objects",
    "data objects",
    "main entities",
    "key entities",
    "resources",
    "core resources",
    "data types",
    "datos",
    "modelo",
    "dados",
    "daten",
    "objekte",
    "données",
    "objets",
    "データ",
    "データ構造",
    "数据",
    "数据字典",
    "表设计",
    "데이터",
];

/// Words of a heading under which names with types are no columns.
const ELSEWHERE: &[&str] = &[
    "api",
    "apis",
    "endpoint",
    "endpoints",
    "query",
    "parameter",
    "parameters",
    "params",
    "request",
    "requests",
    "response",
    "responses",
    "payload",
    "payloads",
    "header",
    "headers",
    "environment",
    "env",
    "config",
    "configuration",
    "settings",
    "option",
    "options",
    "flag",
    "flags",
    "prop",
    "props",
    "component",
    "components",
    "ui",
    "tokens",
    "theme",
    "cli",
    "command",
    "commands",
    "argument",
    "arguments",
    "usage",
    "kpi",
    "analytics",
    "telemetry",
    "error",
    "errors",
    "codes",
    "sla",
    "logging",
    "kpis",
    "metrics",
    "glossary",
    "roles",
    "permissions",
    "dependencies",
    "library",
    "libraries",
    "method",
    "methods",
    "function",
    "functions",
    "form",
    "forms",
    "page",
    "pages",
    "screen",
    "screens",
    "view",
    "views",
    "modal",
    "dialog",
    "filter",
    "filters",
    "dashboard",
    "routes",
    "variables",
    "secrets",
    "stack",
    "webhook",
    "webhooks",
    "input",
    "inputs",
    "output",
    "outputs",
    "import",
    "export",
    "csv",
    "risks",
    "stakeholders",
    "milestones",
    "timeline",
    "integrations",
    "parámetros",
    "parâmetros",
    "parameter",
    "umgebung",
    "umgebungsvariablen",
    "konfiguration",
    "接口",
    "参数",
    "环境",
    "配置",
    "パラメータ",
    "環境変数",
    "設定",
    "画面",
    "매개변수",
    "환경",
];

/// Words of a heading that rule only what stands directly under it: requirements have parts that are tables.
const OWN: &[&str] = &[
    "requirements",
    "requirement",
    "features",
    "feature",
    "criteria",
    "acceptance",
    "performance",
    "flow",
    "flows",
    "overview",
    "summary",
    "scope",
    "goals",
    "team",
    "budget",
    "quality",
    "testing",
    "tests",
    "assumptions",
    "constraints",
    "deliverables",
    "questions",
    "steps",
    "rules",
    "security",
    "navigation",
    "layout",
    "notes",
    "limits",
    "quotas",
    "schedule",
    "roadmap",
    "changelog",
    "versions",
    "tools",
    "technologies",
];

/// True when the title announces tables.
pub(super) fn is_model(title: &str) -> bool {
    let norm = lexicon::normalise(title);
    let bare = norm.trim_matches(|c: char| !c.is_alphabetic());
    MODELS.contains(&bare) || scope::is_model_title(title)
}

/// True when the section or one above it announces tables.
pub(super) fn in_model(scoped: &Scoped<'_>, section: usize) -> bool {
    scoped.document.ancestry(section).any(|s| s.level > 0 && is_model(&s.title))
}

/// True when the section, or one above it, is about names that are no columns.
pub(super) fn is_elsewhere(scoped: &Scoped<'_>, section: usize) -> bool {
    let own = scoped.document.sections.get(section).is_some_and(|s| has_word(&s.title, OWN));
    // The document's own title judges nothing: "Form builder" is a product.
    own || scoped.document.ancestry(section).filter(|s| s.level > 1).any(|s| names_elsewhere(&s.title))
}

/// True when a heading or label is about names that are no columns.
pub(super) fn names_elsewhere(title: &str) -> bool {
    let odd = title.contains(['{', '}', '=', '?']) || title.starts_with(['.', '$']);
    odd || has_word(title, ELSEWHERE)
}

fn has_word(title: &str, words: &[&str]) -> bool {
    lexicon::normalise(title).split(|c: char| !c.is_alphanumeric()).any(|word| words.contains(&word))
}
