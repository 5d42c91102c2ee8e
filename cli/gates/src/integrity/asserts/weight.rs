//! How much an assertion says: the very value, something about it, that it is there, or nothing.

use super::Strength;

/// How much an assertion says, by what asserts and about what.
pub(super) fn strength(callee: &str, args: &[String]) -> Strength {
    const EXISTS: [&str; 24] = [
        "tobedefined",
        "tobetruthy",
        "tobeinstanceof",
        "not.tobenull",
        "not.tobeundefined",
        "not.tothrow",
        "isnotnone",
        "notnull",
        "notnil",
        "noerror",
        "doesnotthrow",
        "isnotempty",
        "notempty",
        "isinstance",
        "not.tobenan",
        "tobeany",
        "isok",
        "exists",
        "notthrows",
        "ispresent",
        "tobetypeof",
        "tohaveproperty",
        "assert not is",
        "truthy",
    ];
    const EXACT: [&str; 12] = [
        "_eq",
        "equal",
        "tobe",
        "==",
        "deepequal",
        ".is",
        "same",
        "isequalto",
        "shouldbe",
        "snapshot",
        "tostrictequal",
        ".eql",
    ];
    let name = callee.to_ascii_lowercase();
    let says = args.first().map(String::as_str).unwrap_or_default();
    let nothing = args.get(1).is_some_and(|arg| matches!(arg.as_str(), "not None" | "None"));
    if EXISTS.iter().any(|part| name.contains(part)) || nothing && name.contains("assert is") {
        return Strength::Exists;
    }
    let single = matches!(
        name.as_str(),
        "assert"
            | "asserttrue"
            | "assert.ok"
            | "assert.true"
            | "require.true"
            | "debug_assert"
            | "t.ok"
            | "t.true"
    );
    if single {
        return match () {
            () if says.contains(" == ") || says.contains(" === ") => Strength::Exact,
            () if [" != ", " < ", " > ", " >= ", " <= ", "contains", "matches", " in ", " and ", "&&"]
                .iter()
                .any(|o| says.contains(o)) =>
            {
                Strength::Partial
            }
            () if says.contains("is_ok")
                || says.contains("is_some")
                || !says.contains(' ')
                || says.contains("isinstance") =>
            {
                Strength::Exists
            }
            () => Strength::Partial,
        };
    }
    if name.contains("not") || name.contains("assert_ne") || name.contains("almost") || name.contains("close")
    {
        return Strength::Partial;
    }
    if EXACT.iter().any(|part| name.contains(part)) && !name.contains("greater") && !name.contains("less") {
        return Strength::Exact;
    }
    Strength::Partial
}

/// Whether an assertion holds whatever happens.
pub(super) fn is_trivial(callee: &str, args: &[String]) -> bool {
    const TRUE: [&str; 7] = ["true", "True", "1", "! false", "not False", "1 == 1", "true == true"];
    let name = callee.to_ascii_lowercase();
    let says = args.first().map(String::as_str).unwrap_or_default();
    let inert = |text: &str| !text.contains('(') && !text.is_empty();
    let equates =
        ["_eq", "equal", "tobe", "==", ".is", "same", "toequal"].iter().any(|part| name.contains(part))
            && !name.contains("not")
            && !name.contains("almost");
    let falsehood = name.contains("false") && matches!(says, "false" | "False" | "0");
    let one = [
        "assert",
        "asserttrue",
        "assert.ok",
        "assert.true",
        "require.true",
        "t.ok",
        "t.true",
        "debug_assert",
        "prop_assert",
    ]
    .contains(&name.as_str())
        || name.ends_with("tobetruthy")
        || name.ends_with("tobedefined")
        || name.ends_with("istrue");
    let or_true = [" || true", "true || ", " or True", "True or "].iter().any(|part| says.contains(part));
    let any_length = says.contains("len") && says.ends_with(">= 0")
        || name == "assert >=" && says.contains("len") && args.get(1).is_some_and(|n| n == "0");
    let sides = says.split_once(" == ").or_else(|| says.split_once(" === "));
    let itself = one && sides.is_some_and(|(left, right)| left == right && inert(left));
    let unfinished = name == "expect" || name == "assertthat";
    falsehood
        || one && TRUE.contains(&says)
        || or_true
        || any_length
        || itself
        || unfinished
        || equates && args.len() >= 2 && args[0] == args[1] && inert(&args[0])
}
