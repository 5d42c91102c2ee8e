//! Words about time into five-field cron expressions.

/// A recurrence; without an expression where the text does not fix the time.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rule {
    pub cron: Option<String>,
}

const DAYS: &[(&str, u8)] = &[
    ("sunday", 0),
    ("monday", 1),
    ("tuesday", 2),
    ("wednesday", 3),
    ("thursday", 4),
    ("friday", 5),
    ("saturday", 6),
    ("日曜", 0),
    ("月曜", 1),
    ("火曜", 2),
    ("水曜", 3),
    ("木曜", 4),
    ("金曜", 5),
    ("土曜", 6),
    ("周日", 0),
    ("周一", 1),
    ("周二", 2),
    ("周三", 3),
    ("周四", 4),
    ("周五", 5),
    ("周六", 6),
    ("일요일", 0),
    ("월요일", 1),
    ("화요일", 2),
    ("수요일", 3),
    ("목요일", 4),
    ("금요일", 5),
    ("토요일", 6),
    ("domingo", 0),
    ("lunes", 1),
    ("segunda feira", 1),
    ("martes", 2),
    ("miércoles", 3),
    ("jueves", 4),
    ("viernes", 5),
    ("sexta feira", 5),
    ("sábado", 6),
    ("sonntag", 0),
    ("montag", 1),
    ("dienstag", 2),
    ("mittwoch", 3),
    ("donnerstag", 4),
    ("freitag", 5),
    ("samstag", 6),
    ("dimanche", 0),
    ("lundi", 1),
    ("mardi", 2),
    ("mercredi", 3),
    ("jeudi", 4),
    ("vendredi", 5),
    ("samedi", 6),
    ("domenica", 0),
    ("lunedì", 1),
    ("martedì", 2),
    ("mercoledì", 3),
    ("giovedì", 4),
    ("venerdì", 5),
    ("sabato", 6),
    ("воскресен", 0),
    ("понедельник", 1),
    ("вторник", 2),
    ("среду", 3),
    ("четверг", 4),
    ("пятниц", 5),
    ("суббот", 6),
    ("senin", 1),
    ("selasa", 2),
    ("rabu", 3),
    ("kamis", 4),
    ("jumat", 5),
    ("sabtu", 6),
    ("zondag", 0),
    ("maandag", 1),
    ("dinsdag", 2),
    ("woensdag", 3),
    ("donderdag", 4),
    ("vrijdag", 5),
    ("zaterdag", 6),
    ("pazar", 0),
    ("pazartesi", 1),
    ("salı", 2),
    ("çarşamba", 3),
    ("perşembe", 4),
    ("cuma", 5),
    ("cumartesi", 6),
    ("星期日", 0),
    ("星期一", 1),
    ("星期二", 2),
    ("星期三", 3),
    ("星期四", 4),
    ("星期五", 5),
    ("星期六", 6),
    ("terça feira", 2),
    ("quarta feira", 3),
    ("quinta feira", 4),
];
const WEEKDAYS: &[&str] = &[
    "weekday",
    "weekdays",
    "working day",
    "working days",
    "business day",
    "business days",
    "monday to friday",
    "monday through friday",
    "monday friday",
    "mon fri",
    "mon to fri",
    "lunes a viernes",
    "días laborables",
    "segunda a sexta",
    "dias úteis",
    "montag bis freitag",
    "werktags",
    "lundi au vendredi",
    "jours ouvrés",
    "giorni feriali",
    "lunedì a venerdì",
    "lunedì al venerdì",
    "будни",
    "будням",
    "hari kerja",
    "werkdag",
    "werkdagen",
    "hafta içi",
    "平日",
    "月曜から金曜",
    "工作日",
    "周一至周五",
    "周一到周五",
    "평일",
    "월요일부터 금요일",
];
/// What before a day makes it recur.
const EVERY: &[&str] = &[
    "every ",
    "each ",
    "days at",
    "cada ",
    "todos los ",
    "toda ",
    "todas ",
    "jeden ",
    "jede ",
    "chaque ",
    "tous les ",
    "ogni ",
    "кажд",
    "setiap ",
    "elke ",
    "iedere ",
    "her ",
    "每",
    "毎",
];
const HOURLY: &[&str] = &[
    "hourly",
    "every hour",
    "each hour",
    "once an hour",
    "毎時",
    "每小时",
    "매시간",
    "cada hora",
    "a cada hora",
    "stündlich",
    "chaque heure",
    "toutes les heures",
    "ogni ora",
    "каждый час",
    "setiap jam",
    "elk uur",
    "her saat",
];
const DAILY: &[&str] = &[
    "daily",
    "every day",
    "each day",
    "nightly",
    "every night",
    "every morning",
    "each morning",
    "every evening",
    "once a day",
    "once per day",
    "毎日",
    "毎朝",
    "毎晩",
    "每天",
    "每日",
    "每晚",
    "매일",
    "diariamente",
    "todos os dias",
    "cada día",
    "todos los días",
    "täglich",
    "jeden tag",
    "tous les jours",
    "chaque jour",
    "quotidien",
    "jede nacht",
    "jeden morgen",
    "nachts",
    "chaque nuit",
    "chaque matin",
    "cada noche",
    "cada mañana",
    "todas las noches",
    "toda noite",
    "ogni giorno",
    "ogni notte",
    "ogni mattina",
    "каждый день",
    "ежедневно",
    "каждую ночь",
    "каждое утро",
    "setiap hari",
    "setiap malam",
    "setiap pagi",
    "elke dag",
    "elke nacht",
    "elke ochtend",
    "dagelijks",
    "her gün",
    "her gece",
    "her sabah",
    "at night",
    "overnight",
    "at midnight",
];
const WEEKLY: &[&str] = &[
    "weekly",
    "every week",
    "each week",
    "once a week",
    "毎週",
    "每周",
    "매주",
    "semanalmente",
    "cada semana",
    "wöchentlich",
    "jede woche",
    "chaque semaine",
    "toutes les semaines",
    "ogni settimana",
    "еженедельно",
    "каждую неделю",
    "setiap minggu",
    "elke week",
    "wekelijks",
    "her hafta",
    "semanal",
];
const MONTHLY: &[&str] = &[
    "monthly",
    "every month",
    "each month",
    "of the month",
    "once a month",
    "毎月",
    "每月",
    "매월",
    "mensalmente",
    "cada mes",
    "monatlich",
    "chaque mois",
    "tous les mois",
    "ogni mese",
    "ежемесячно",
    "каждый месяц",
    "setiap bulan",
    "elke maand",
    "maandelijks",
    "her ay",
    "del mes",
    "do mês",
    "du mois",
    "des monats",
    "del mese",
];
const ZONES: &[(&str, &str)] = &[
    ("IST", "Asia/Kolkata"),
    ("JST", "Asia/Tokyo"),
    ("KST", "Asia/Seoul"),
    ("PST", "America/Los_Angeles"),
    ("PDT", "America/Los_Angeles"),
    ("PT", "America/Los_Angeles"),
    ("EST", "America/New_York"),
    ("EDT", "America/New_York"),
    ("ET", "America/New_York"),
    ("CST", "America/Chicago"),
    ("CDT", "America/Chicago"),
    ("CET", "Europe/Berlin"),
    ("CEST", "Europe/Berlin"),
    ("BST", "Europe/London"),
    ("GMT", "UTC"),
    ("UTC", "UTC"),
    ("BRT", "America/Sao_Paulo"),
    ("SGT", "Asia/Singapore"),
    ("AEST", "Australia/Sydney"),
];
const REGIONS: &[&str] = &["Africa/", "America/", "Asia/", "Atlantic/", "Australia/", "Europe/", "Pacific/"];

/// A cron expression written out in the text.
pub(super) fn literal(text: &str) -> Option<String> {
    let words: Vec<&str> =
        text.split_whitespace().map(|w| w.trim_matches(['`', '"', '\'', '(', ')', '.', ';'])).collect();
    words
        .windows(5)
        .find(|five| {
            let fields = five.iter().all(|w| {
                !w.is_empty()
                    && w.len() <= 20
                    && w.bytes().all(|b| b.is_ascii_digit() || matches!(b, b'*' | b'/' | b',' | b'-'))
            });
            fields && five.iter().any(|w| w.starts_with('*'))
        })
        .map(|five| five.join(" "))
}

/// The recurrence a normalised sentence states.
pub(super) fn parse(norm: &str) -> Option<Rule> {
    let says = |words: &[&str]| words.iter().any(|w| contains_word(norm, w));
    let frequencies = [HOURLY, DAILY, WEEKLY, MONTHLY].iter().filter(|f| says(f)).count();
    if let Some(rule) = interval(norm) {
        return Some(rule);
    }
    let mut days: Vec<u8> =
        DAYS.iter().filter(|(word, _)| contains_day(norm, word)).map(|(_, day)| *day).collect();
    days.sort_unstable();
    days.dedup();
    if frequencies > 1 && days.is_empty() {
        return None; // "daily, weekly or monthly": a choice, not a schedule.
    }
    let (hour, minute) = time(norm).unwrap_or((0, 0));
    let fixed = |text: String| Some(Rule { cron: Some(text) });
    if says(HOURLY) {
        return fixed("0 * * * *".to_owned());
    }
    if says(WEEKDAYS) {
        return fixed(format!("{minute} {hour} * * 1-5"));
    }
    let recurring_day = says(WEEKLY) || EVERY.iter().any(|word| norm.contains(word)) || plural_day(norm);
    if !days.is_empty() && recurring_day {
        let list: Vec<String> = days.iter().map(u8::to_string).collect();
        return fixed(format!("{minute} {hour} * * {}", list.join(",")));
    }
    if says(DAILY) {
        return fixed(format!("{minute} {hour} * * *"));
    }
    if says(MONTHLY) {
        let day = month_day(norm);
        return Some(Rule { cron: day.map(|d| format!("{minute} {hour} {d} * *")) });
    }
    if says(WEEKLY) {
        return Some(Rule { cron: None });
    }
    None
}

/// "every 15 minutes", "every 6 hours".
fn interval(norm: &str) -> Option<Rule> {
    let words: Vec<&str> = norm.split(' ').collect();
    let at = words
        .windows(3)
        .position(|w| matches!(w[0], "every" | "each" | "cada" | "alle") && w[1].parse::<u32>().is_ok())?;
    let count: u32 = words[at + 1].parse().ok()?;
    let unit = words[at + 2].trim_matches(|c: char| !c.is_alphabetic());
    let cron = match unit {
        "minute" | "minutes" | "min" | "mins" | "minutos" | "minuten" if (1..60).contains(&count) => {
            format!("*/{count} * * * *")
        }
        "hour" | "hours" | "horas" | "stunden" if (1..24).contains(&count) => format!("0 */{count} * * *"),
        "day" | "days" | "días" | "dias" | "tage" if (1..31).contains(&count) => {
            format!("0 0 */{count} * *")
        }
        _ => return None,
    };
    Some(Rule { cron: Some(cron) })
}

/// Hour and minute named in the text.
fn time(norm: &str) -> Option<(u32, u32)> {
    if contains_word(norm, "midnight")
        || norm.contains("深夜0時")
        || norm.contains("자정")
        || norm.contains("午夜")
    {
        return Some((0, 0));
    }
    if contains_word(norm, "noon") {
        return Some((12, 0));
    }
    let letters: Vec<char> = norm.chars().collect();
    let mut at = 0;
    while at < letters.len() {
        if !letters[at].is_ascii_digit() {
            at += 1;
            continue;
        }
        let start = at;
        while at < letters.len() && letters[at].is_ascii_digit() {
            at += 1;
        }
        if at - start > 2 {
            continue;
        }
        if let Some(time) = clock(&letters, start, at) {
            return Some(time);
        }
    }
    None
}

/// Judges the digits `start..end` with what stands around them.
fn clock(letters: &[char], start: usize, end: usize) -> Option<(u32, u32)> {
    let number =
        |from: usize, to: usize| letters.get(from..to)?.iter().collect::<String>().parse::<u32>().ok();
    let mut hour = number(start, end)?;
    let mut minute = 0;
    let mut rest = end;
    let mut sure = false;
    if matches!(letters.get(end), Some(':' | 'h')) {
        if let Some(value) =
            number(end + 1, end + 3).filter(|_| letters.get(end + 1).is_some_and(char::is_ascii_digit))
        {
            minute = value;
            rest = end + 3;
            sure = true;
        } else if letters.get(end) == Some(&'h') && letters.get(end + 1).is_none_or(|c| !c.is_alphanumeric())
        {
            sure = true;
        }
    }
    let after: String = letters.iter().skip(rest).take(8).collect();
    let after = after.trim_start();
    let before: String = letters[start.saturating_sub(12)..start].iter().collect();
    let marked = matches!(after.chars().next(), Some('時' | '点' | '點' | '시'))
        || ["uhr", "o'clock", "uur", "часов", "utc"].iter().any(|mark| after.starts_with(mark));
    const UNITS: &[&str] = &["min", "hour", "day", "week", "%", "percent", "item", "people"];
    let apart = letters.get(rest).is_none_or(|c| !c.is_alphanumeric() && !matches!(c, '%' | ':'));
    let ends = apart && !UNITS.iter().any(|unit| after.starts_with(unit));
    let placed = ["at ", "alle ", "alle ore ", "a las ", "às ", "à ", "um ", "om ", "pukul ", "saat ", "в "];
    let at_hour = placed
        .iter()
        .any(|word| before.strip_suffix(word).is_some_and(|head| head.is_empty() || head.ends_with(' ')));
    if marked || at_hour && ends {
        sure = true;
    }
    let evening = after.starts_with("pm")
        || after.starts_with("p.m")
        || ["午後", "下午", "晚上", "오후"].iter().any(|w| before.contains(w));
    let morning = after.starts_with("am") || after.starts_with("a.m");
    if evening && hour < 12 {
        hour += 12;
    } else if morning && hour == 12 {
        hour = 0;
    }
    ((sure || evening || morning) && hour < 24 && minute < 60).then_some((hour, minute))
}

fn month_day(norm: &str) -> Option<u8> {
    const FIRST: &[&str] = &[
        "first day",
        "first of",
        "primer día",
        "primeiro dia",
        "premier jour",
        "ersten tag",
        "primo giorno",
        "1er",
        "每月1日",
        "每月一号",
        "毎月1日",
        "매월 1일",
    ];
    if FIRST.iter().any(|word| contains_word(norm, word)) {
        return Some(1);
    }
    let words: Vec<&str> = norm.split(' ').collect();
    // "day 5 of the month", "am 1. des monats", "el día 3 de cada mes".
    let numbered = words.windows(2).find_map(|two| {
        let opens = matches!(two[0], "day" | "día" | "dia" | "am" | "le" | "il" | "tanggal");
        let digits = two[1].trim_end_matches(['.', ',', 'º']);
        opens.then(|| digits.parse::<u8>().ok()).flatten().filter(|day| (1..=28).contains(day))
    });
    if numbered.is_some() {
        return numbered;
    }
    norm.split(' ').find_map(|word| {
        let digits = word
            .strip_suffix("st")
            .or_else(|| word.strip_suffix("nd"))
            .or_else(|| word.strip_suffix("rd"))
            .or_else(|| word.strip_suffix("th"))?;
        digits.parse::<u8>().ok().filter(|day| (1..=28).contains(day))
    })
}

/// The time zone the text names.
pub(super) fn zone(text: &str) -> Option<&str> {
    let words = || text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '/' | '_')));
    words()
        .find(|word| {
            REGIONS.iter().any(|region| word.strip_prefix(region).is_some_and(|city| !city.is_empty()))
        })
        .or_else(|| {
            words().find_map(|word| ZONES.iter().find(|(short, _)| *short == word).map(|(_, zone)| *zone))
        })
}

/// Nouns that an adjective of time turns into scheduled work.
const WORK_NOUNS: &[&str] = &[
    "job",
    "jobs",
    "run",
    "task",
    "analysis",
    "sync",
    "synchronization",
    "backup",
    "backups",
    "cleanup",
    "import",
    "export",
    "refresh",
    "scan",
    "batch",
    "digest",
    "reconciliation",
    "aggregation",
    "crawl",
    "scrape",
    "rollup",
    "snapshot",
];
/// Nouns of things that are sent or made on a schedule; they need a verb beside them.
const PRODUCT_NOUNS: &[&str] = &[
    "report",
    "reports",
    "summary",
    "email",
    "newsletter",
    "reminder",
    "reminders",
    "invoices",
    "statement",
    "list",
];
const ADJECTIVES: &[&str] = &["hourly", "daily", "nightly", "weekly", "monthly"];

/// True for "hourly analysis", "nightly data sync" and the like: work by its name.
pub(super) fn adjective_work(norm: &str) -> bool {
    adjective_and(norm, &[WORK_NOUNS]).is_some()
}

/// "nightly data sync", "weekly report".
pub(super) fn adjective_phrase(norm: &str) -> Option<String> {
    adjective_and(norm, &[WORK_NOUNS, PRODUCT_NOUNS])
}

fn adjective_and(norm: &str, nouns: &[&[&str]]) -> Option<String> {
    const BETWEEN_MAX: usize = 2;
    let words: Vec<&str> = norm.split(' ').map(|w| w.trim_matches(|c: char| !c.is_alphanumeric())).collect();
    words.iter().enumerate().filter(|(_, word)| ADJECTIVES.contains(word)).find_map(|(at, _)| {
        let reach = words.get(at + 1..)?.iter().take(BETWEEN_MAX + 1);
        let noun = reach.into_iter().position(|w| nouns.iter().any(|list| list.contains(w)))?;
        Some(words.get(at..=at + 1 + noun)?.join(" "))
    })
}

/// True when the words fix more than how often: an hour, a day, an interval.
pub(super) fn fixes_time(norm: &str) -> bool {
    time(norm).is_some() || interval(norm).is_some() || DAYS.iter().any(|(word, _)| contains_day(norm, word))
}

fn plural_day(norm: &str) -> bool {
    const PLURALS: &[&str] = &[
        "mondays",
        "tuesdays",
        "wednesdays",
        "thursdays",
        "fridays",
        "saturdays",
        "sundays",
        "montags",
        "dienstags",
        "mittwochs",
        "donnerstags",
        "freitags",
        "samstags",
        "sonntags",
        "los lunes",
        "los martes",
        "los viernes",
        "по понедельникам",
        "по пятницам",
    ];
    PLURALS.iter().any(|word| contains_word(norm, word))
}

/// A day's name as a word of its own; its plural and, in other scripts, its endings count too.
fn contains_day(norm: &str, word: &str) -> bool {
    let spaced = word.chars().next().is_some_and(|c| (c as u32) < 0x250);
    norm.match_indices(word).any(|(at, _)| {
        let before = norm[..at].chars().next_back().is_some_and(char::is_alphanumeric);
        let rest = &norm[at + word.len()..];
        let rest = rest.strip_prefix('s').unwrap_or(rest);
        !spaced || !before && !rest.starts_with(char::is_alphanumeric)
    })
}

fn contains_word(norm: &str, word: &str) -> bool {
    norm.match_indices(word).any(|(at, _)| {
        let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        !word.is_ascii()
            || !latin(norm[..at].chars().next_back()) && !latin(norm[at + word.len()..].chars().next())
    })
}
