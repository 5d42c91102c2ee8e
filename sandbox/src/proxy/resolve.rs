//! Names to addresses: asked once for each connection, and the connection goes to what was answered.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;

use super::answer::Refusal;
use super::record::Failure;
use super::rules;
use super::target::{Host, Target};
use crate::policy::HostRule;

/// The addresses of a name, when they are known.
pub type Lookup<'a> = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>>;

/// Looks names up.
pub trait Resolver: Send + Sync {
    /// Returns every address of a name.
    fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a>;
}

/// What the system uses.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        // The port is of no concern to the lookup.
        Box::pin(
            async move { Ok(tokio::net::lookup_host((name, 0)).await?.map(|found| found.ip()).collect()) },
        )
    }
}

/// Finds out where a connection for a target goes. One address that the rule does not allow spoils them all.
pub(super) async fn pin(
    resolver: &dyn Resolver,
    rule: &HostRule,
    target: &Target,
) -> Result<Vec<SocketAddr>, Refusal> {
    let addresses = match &target.host {
        Host::Address(address) => vec![*address],
        Host::Name(name) => look_up(resolver, name).await?,
    };
    for address in &addresses {
        rules::may_reach(rule, *address).map_err(|reason| Refusal::denied(reason, Some(target)))?;
    }
    Ok(addresses.into_iter().map(|address| SocketAddr::new(address, target.port)).collect())
}

/// Looks a name up; no address at all is a failure.
pub(super) async fn look_up(resolver: &dyn Resolver, name: &str) -> Result<Vec<IpAddr>, Refusal> {
    match resolver.lookup(name).await {
        Ok(addresses) if addresses.is_empty() => {
            Err(Refusal::failed(Failure::Resolve, format!("{name} has no address")))
        }
        Ok(addresses) => Ok(addresses),
        Err(error) => {
            Err(Refusal::failed(Failure::Resolve, format!("{name} could not be resolved: {error}")))
        }
    }
}

/// A resolver that answers from a script: the nth lookup of a name gets its nth answer, and the last one ever
/// after.
#[cfg(test)]
#[derive(Debug, Default)]
pub(super) struct ScriptedResolver {
    answers: std::collections::BTreeMap<String, Vec<Vec<IpAddr>>>,
    asked: std::sync::Mutex<Vec<String>>,
}

#[cfg(test)]
impl ScriptedResolver {
    pub(super) fn with(mut self, name: &str, answers: &[&[&str]]) -> ScriptedResolver {
        let read = |answer: &&[&str]| answer.iter().map(|text| text.parse().unwrap()).collect();
        self.answers.insert(name.to_owned(), answers.iter().map(read).collect());
        self
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[cfg(test)]
impl Resolver for ScriptedResolver {
    fn lookup<'a>(&'a self, name: &'a str) -> Lookup<'a> {
        let mut asked = self.asked.lock().unwrap();
        let before = asked.iter().filter(|earlier| *earlier == name).count();
        asked.push(name.to_owned());
        let answer = self.answers.get(name).map(|answers| answers[before.min(answers.len() - 1)].clone());
        Box::pin(async move { answer.ok_or_else(|| io::Error::other("no such name")) })
    }
}
