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
    let days: Vec<u8> = DAYS.iter().filter(|(word, _)| norm.contains(word)).map(|(_, day)| *day).collect();
    if frequencies > 1 && days.is_empty() {
        return None; // "daily, weekly or monthly": a choice, not a schedule.
    }
    let (hour, minute) = time(norm).unwrap_or((0, 0));
    let fixed = |text: String| Some(Rule { cron: Some(text) });
    if says(HOURLY) {
        return fixed("0 * * * *".to_owned());
    }
    if says(&["weekday", "weekdays", "every weekday", "平日", "工作日", "평일"]) {
        return fixed(format!("{minute} {hour} * * 1-5"));
    }
    let recurring_day = says(WEEKLY)
        || norm.contains("every ")
        || norm.contains("each ")
        || norm.contains("days at")
        || norm.contains("cada ")
        || norm.contains("jeden ")
        || norm.contains("chaque ")
        || says(&["mondays", "tuesdays", "wednesdays", "thursdays", "fridays", "saturdays", "sundays"]);
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
    if matches!(after.chars().next(), Some('時' | '点' | '시')) || after.starts_with("uhr") {
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
    if contains_word(norm, "first day") {
        return Some(1);
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

fn contains_word(norm: &str, word: &str) -> bool {
    norm.match_indices(word).any(|(at, _)| {
        let latin = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        !word.is_ascii()
            || !latin(norm[..at].chars().next_back()) && !latin(norm[at + word.len()..].chars().next())
    })
}
