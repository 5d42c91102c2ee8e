//! Lays policies over each other: a preset, the user's file, the project's file.
//!
//! The user's file may widen and narrow what the preset says. The project's can only narrow, because it comes
//! along with the code that is to be confined. Three things see to that:
//!
//! * a rule that would widen is refused here, so that nobody is left to think it works;
//! * rules for files that come from a project only take away, whatever they say ([`Policy::file`]);
//! * hosts are left out of the list that the user's layer ended with, and never added or put in another order,
//!   so that the first that matches is the same one as before.

use std::collections::BTreeSet;

use super::hosts::Pattern;
use super::read::{Document, Reach};
use super::{Access, FileRule, HostRule, Origin, Policy, PolicyError, Preset, paths};

/// The policy that results from the built-in one (`preset`, where the user's file names none), the user's and the project's.
pub fn layered(
    preset: Preset,
    user: Option<&Document>,
    project: Option<&Document>,
) -> Result<Policy, PolicyError> {
    let chosen = user.and_then(|user| user.preset.as_ref()).map_or(preset, |placed| placed.value);
    let Some(project) = project else { return Ok(with_user(chosen, user)) };
    only_narrows(project, chosen)?;
    let narrower = project.preset.as_ref().map_or(chosen, |placed| placed.value);
    let mut policy = with_user(narrower, user);
    if narrower != chosen {
        let left = policy
            .network
            .iter()
            .map(|rule| Reach { host: rule.host.clone(), ports: Some(rule.ports.clone()) });
        let left: Vec<Reach> = left.collect();
        policy.network = restricted(with_user(chosen, user).network, &left);
    }
    narrow(&mut policy, project)?;
    Ok(policy)
}

/// The preset with the user's file over it.
fn with_user(preset: Preset, user: Option<&Document>) -> Policy {
    let policy = preset.policy();
    match user {
        Some(user) => laid_over(policy, user),
        None => policy,
    }
}

/// A policy with a document of the user's over it.
pub(super) fn laid_over(mut policy: Policy, user: &Document) -> Policy {
    policy.files.extend(user.files.iter().map(|rule| rule.value.clone()));
    if let Some(only) = &user.network_only {
        policy.network = restricted(policy.network, only);
    }
    policy.network.extend(user.network.iter().map(|rule| rule.value.clone()));
    sort(&mut policy.network);
    // The user's come first: among rules for a name the first that has a value decides.
    let mine = user.environment.iter().map(|rule| rule.value.clone());
    policy.environment = mine.chain(policy.environment).collect();
    policy.secrets.extend(user.secrets.iter().map(|rule| rule.value.clone()));
    for limit in &user.limits {
        let (bound, value) = limit.value;
        bound.set(&mut policy.limits, value);
    }
    policy
}

/// Refuses the sections that a project has no say in, and a preset wider than the user's.
fn only_narrows(project: &Document, chosen: Preset) -> Result<(), PolicyError> {
    let refused = |at, problem: String| Err(PolicyError::Widens { at, problem });
    if let Some(preset) = project.preset.as_ref().filter(|preset| preset.value > chosen) {
        let problem = format!("the preset `{}` is wider than `{}`", preset.value.name(), chosen.name());
        return refused(preset.at.clone(), problem);
    }
    if let Some(rule) = project.network.first() {
        let problem = format!("this opens `{}`; `network_only` is what closes hosts", rule.value.host);
        return refused(rule.at.clone(), problem);
    }
    if let Some(rule) = project.environment.first() {
        return refused(rule.at.clone(), format!("this hands out the variable `{}`", rule.value.name));
    }
    if let Some(rule) = project.secrets.first() {
        return refused(rule.at.clone(), format!("this hands out the secret `{}`", rule.value.name));
    }
    Ok(())
}

/// Lays what a project may say over `policy`.
fn narrow(policy: &mut Policy, project: &Document) -> Result<(), PolicyError> {
    let mut narrower = Vec::new();
    for rule in &project.files {
        let allowed = allowed_at(&policy.files, &rule.value.path);
        if let Some(problem) = widens(&rule.value, allowed) {
            return Err(PolicyError::Widens { at: rule.at.clone(), problem });
        }
        narrower.push(FileRule { origin: Origin::Project, ..rule.value.clone() });
    }
    policy.files.extend(narrower);
    if let Some(only) = &project.network_only {
        policy.network = restricted(std::mem::take(&mut policy.network), only);
    }
    for limit in &project.limits {
        let (bound, value) = limit.value;
        let most = bound.of(&policy.limits);
        if value > most {
            let problem = format!("`{}` is {most} already, which is less than {value}", bound.name);
            return Err(PolicyError::Widens { at: limit.at.clone(), problem });
        }
        bound.set(&mut policy.limits, value);
    }
    Ok(())
}

/// What rules written with the same root say about `path`: without knowing where things are, others say nothing.
fn allowed_at(rules: &[FileRule], path: &str) -> Access {
    let about = rules.iter().filter(|rule| paths::covers(&rule.path, path));
    let innermost = about.max_by_key(|rule| {
        (paths::split(&rule.path).1.len(), rule.origin, std::cmp::Reverse(rule.access.looseness()))
    });
    innermost.map_or(Access::Hide, |rule| rule.access)
}

fn widens(rule: &FileRule, allowed: Access) -> Option<String> {
    let path = &rule.path;
    if rule.access.writes() && !allowed.writes() {
        Some(format!("`{path}` is not to be written"))
    } else if rule.access.reads() && !allowed.reads() {
        Some(format!("`{path}` is not to be read"))
    } else {
        None
    }
}

/// What is left of `rules`, in their order, where only `left` may be reached.
///
/// Each rule is cut down to what it shares with each entry. As the order stays, whatever is still let through
/// is let through by the same rule as before, with its headers and its word on private addresses.
fn restricted(rules: Vec<HostRule>, left: &[Reach]) -> Vec<HostRule> {
    let mut result: Vec<HostRule> = Vec::new();
    let mut decided: BTreeSet<(String, u16)> = BTreeSet::new();
    for rule in rules {
        for reach in left {
            let Some(host) = shared(&rule.host, &reach.host) else { continue };
            let in_reach = |port: &u16| reach.ports.as_ref().is_none_or(|ports| ports.contains(port));
            let ports = rule.ports.iter().copied().filter(in_reach);
            // A port that an earlier rule lets through on the very same host never comes to this one.
            let ports: Vec<u16> = ports.filter(|port| decided.insert((host.to_owned(), *port))).collect();
            if !ports.is_empty() {
                result.push(HostRule { host: host.to_owned(), ports, ..rule.clone() });
            }
        }
    }
    result
}

/// The names that both stand for, if any.
fn shared<'a>(one: &'a str, other: &'a str) -> Option<&'a str> {
    if Pattern::of(one).covers(&Pattern::of(other)) {
        Some(other)
    } else if Pattern::of(other).covers(&Pattern::of(one)) {
        Some(one)
    } else {
        None
    }
}

/// Narrower before wider, later layers before earlier; among equals those that allow less come first.
fn sort(rules: &mut [HostRule]) {
    rules.sort_by(|one, other| {
        let width = |rule: &HostRule| Pattern::of(&rule.host).width();
        width(one)
            .cmp(&width(other))
            .then_with(|| other.origin.cmp(&one.origin))
            .then_with(|| one.private.cmp(&other.private))
    });
}
