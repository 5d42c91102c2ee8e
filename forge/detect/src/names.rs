//! Names as the schema spells them: `snake_case`, plural tables, keys for comparing two spellings.

/// The most characters a name may have; longer text is not a name.
const NAME_CHARS_MAX: usize = 60;

/// `"Order Items"`, `orderItems`, `order-items` -> `order_items`. Empty when nothing Latin is left.
pub(crate) fn snake(text: &str) -> String {
    let mut out = String::new();
    let mut previous: Option<char> = None;
    let mut chars = text.chars().peekable();
    while let Some(letter) = chars.next() {
        if letter == '\'' || letter == '\u{2019}' {
            if chars.peek() == Some(&'s') {
                chars.next();
            }
            continue;
        }
        if letter.is_ascii_alphanumeric() {
            let lower_before = previous.is_some_and(|p| p.is_ascii_lowercase() || p.is_ascii_digit());
            let word_starts = letter.is_ascii_uppercase()
                && (lower_before
                    || previous.is_some_and(|p| p.is_ascii_uppercase())
                        && chars.peek().is_some_and(char::is_ascii_lowercase));
            if word_starts && !out.ends_with('_') && !out.is_empty() {
                out.push('_');
            }
            out.push(letter.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        previous = Some(letter);
        if out.len() > NAME_CHARS_MAX {
            return String::new();
        }
    }
    out.trim_matches('_').to_owned()
}

/// Latin letters without their accents: `Médico` -> `Medico`, `Beiträge` -> `Beitraege`.
pub(crate) fn fold(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        let folded =
            if letter.is_ascii() { None } else { FOLDED.iter().find(|(from, _)| from.contains(letter)) };
        match folded {
            Some((_, plain)) => out.push_str(plain),
            None => out.push(letter),
        }
    }
    out
}

/// Words separated by hyphens, for buckets, functions and schedules.
pub(crate) fn kebab(text: &str) -> String {
    snake(text).replace('_', "-")
}

/// The plural of an English noun in lower case (the last word of a snake name counts).
pub(crate) fn plural(name: &str) -> String {
    let (head, last) = split_last(name);
    if last.is_empty() || is_plural(last) || UNCOUNTED.contains(&last) {
        return name.to_owned();
    }
    if let Some((_, many)) = IRREGULAR.iter().find(|(one, _)| *one == last) {
        return format!("{head}{many}");
    }
    let ends_y = last.ends_with('y') && !["ay", "ey", "oy", "uy"].iter().any(|end| last.ends_with(end));
    if ends_y {
        return format!("{head}{}ies", &last[..last.len() - 1]);
    }
    if last.ends_with('s')
        || last.ends_with('x')
        || last.ends_with("ch")
        || last.ends_with("sh")
        || last.ends_with('z')
    {
        return format!("{head}{last}es");
    }
    format!("{head}{last}s")
}

/// The singular of an English noun in lower case (the last word of a snake name counts).
pub(crate) fn singular(name: &str) -> String {
    let (head, last) = split_last(name);
    if UNCOUNTED.contains(&last) || SINGULAR_IN_S.contains(&last) {
        return name.to_owned();
    }
    if let Some((one, _)) = IRREGULAR.iter().find(|(_, many)| *many == last) {
        return format!("{head}{one}");
    }
    if last.len() > 4 && last.ends_with("ies") && last != "movies" && last != "cookies" && last != "series" {
        return format!("{head}{}y", &last[..last.len() - 3]);
    }
    let sibilant = ["sses", "xes", "ches", "shes", "zzes"].iter().any(|end| last.ends_with(end));
    if sibilant || ["statuses", "addresses", "buses", "bonuses", "campuses", "viruses"].contains(&last) {
        return format!("{head}{}", &last[..last.len() - 2]);
    }
    if last.len() > 2 && last.ends_with('s') && !["ss", "us", "is"].iter().any(|end| last.ends_with(end)) {
        return format!("{head}{}", &last[..last.len() - 1]);
    }
    name.to_owned()
}

/// True for a noun in the plural.
pub(crate) fn is_plural(word: &str) -> bool {
    singular(word) != word || IRREGULAR.iter().any(|(_, many)| *many == word)
}

/// What two spellings of one name share.
pub(crate) fn key(name: &str) -> String {
    singular(&snake(name))
}

const FOLDED: &[(&str, &str)] = &[
    ("áàâãåā", "a"),
    ("éèêëē", "e"),
    ("íìîïī", "i"),
    ("óòôõøō", "o"),
    ("úùûū", "u"),
    ("ÁÀÂÃÅ", "A"),
    ("ÉÈÊË", "E"),
    ("ÍÌÎÏ", "I"),
    ("ÓÒÔÕØ", "O"),
    ("ÚÙÛ", "U"),
    ("çćč", "c"),
    ("Ç", "C"),
    ("ñń", "n"),
    ("Ñ", "N"),
    ("ä", "ae"),
    ("ö", "oe"),
    ("ü", "ue"),
    ("Ä", "Ae"),
    ("Ö", "Oe"),
    ("Ü", "Ue"),
    ("ß", "ss"),
    ("šś", "s"),
    ("žźż", "z"),
    ("ł", "l"),
];

fn split_last(name: &str) -> (&str, &str) {
    match name.rfind('_') {
        Some(at) => (&name[..=at], &name[at + 1..]),
        None => ("", name),
    }
}

const UNCOUNTED: &[&str] = &[
    "history",
    "data",
    "media",
    "metadata",
    "information",
    "news",
    "series",
    "feedback",
    "inventory",
    "staff",
    "equipment",
    "attendance",
    "content",
    "analytics",
    "settings",
    "preferences",
    "wishlist",
    "memory",
    "auth",
];
const SINGULAR_IN_S: &[&str] = &[
    "status", "address", "progress", "access", "business", "class", "process", "bus", "campus", "bonus",
    "analysis", "canvas", "gas", "alias", "atlas",
];
const IRREGULAR: &[(&str, &str)] = &[
    ("person", "people"),
    ("child", "children"),
    ("man", "men"),
    ("woman", "women"),
    ("criterion", "criteria"),
    ("analysis", "analyses"),
    ("quiz", "quizzes"),
    ("leaf", "leaves"),
    ("shelf", "shelves"),
    ("knife", "knives"),
    ("datum", "data"),
    ("medium", "media"),
];
