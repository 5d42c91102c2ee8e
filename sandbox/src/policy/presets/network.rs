//! Hosts, all on port 443. Whatever may be reached may also be sent to: none of these is a wildcard, and the
//! reasons say where strangers can put things.

/// Where packages come from.
pub(super) const REGISTRIES: &[(&str, &str)] = &[
    ("index.crates.io", "cargo looks up crates there"),
    ("static.crates.io", "cargo downloads crates from there"),
    ("registry.npmjs.org", "npm, pnpm, bun and yarn look up and download packages there"),
    ("registry.yarnpkg.com", "yarn looks up and downloads packages there"),
    ("repo.yarnpkg.com", "corepack downloads yarn itself from there"),
    ("nodejs.org", "native packages are compiled against headers from there"),
    ("jsr.io", "deno looks up packages there"),
    ("npm.jsr.io", "npm looks up packages of jsr there"),
    ("deno.land", "deno downloads modules from there"),
    ("pypi.org", "pip, uv and poetry look up packages there"),
    ("files.pythonhosted.org", "pip, uv and poetry download packages from there"),
    ("proxy.golang.org", "go looks up modules there"),
    ("sum.golang.org", "go checks modules there"),
    ("storage.googleapis.com", "proxy.golang.org sends downloads on to it; others can rent space there too"),
    ("repo.maven.apache.org", "maven and gradle download from there"),
    ("repo1.maven.org", "maven and gradle download from there"),
    ("plugins.gradle.org", "gradle looks up plugins there"),
    ("plugins-artifacts.gradle.org", "plugins.gradle.org sends downloads on to it"),
    ("services.gradle.org", "the gradle wrapper asks there where gradle is"),
    ("downloads.gradle.org", "the gradle wrapper downloads older gradles from there"),
    ("maven.google.com", "gradle looks up Android libraries there"),
    ("dl.google.com", "maven.google.com sends downloads on to it"),
    ("rubygems.org", "bundler and gem download from there"),
    ("index.rubygems.org", "bundler looks up gems there"),
    ("repo.packagist.org", "composer looks up packages there"),
    ("api.nuget.org", "dotnet downloads packages from there"),
    ("repo.hex.pm", "mix downloads packages from there"),
    ("pub.dev", "dart and flutter download packages from there"),
];

/// Where sources and toolchains are published.
pub(super) const SOURCES: &[(&str, &str)] = &[
    ("crates.io", "cargo searches there"),
    ("static.rust-lang.org", "rustup downloads toolchains from there"),
    ("go.dev", "go's own releases are listed there"),
    ("github.com", "sources are cloned and downloaded from there; others can receive things there too"),
    ("api.github.com", "tools ask for releases and archives there; others can receive things there too"),
    ("codeload.github.com", "github.com sends archives on to it"),
    ("raw.githubusercontent.com", "single files of repositories"),
    ("objects.githubusercontent.com", "github.com sends downloads of releases on to it"),
    ("release-assets.githubusercontent.com", "github.com sends downloads of releases on to it"),
    ("gitlab.com", "sources are cloned and downloaded from there; others can receive things there too"),
    ("bitbucket.org", "sources are cloned and downloaded from there; others can receive things there too"),
    ("codeberg.org", "sources are cloned and downloaded from there; others can receive things there too"),
    ("docs.rs", "documentation of crates"),
];
