//! Three small projects with one failing test each: the same mistake in Rust, Python and Node.
//!
//! None of them has a dependency. The Python tests are `unittest` cases in `test_prices.py`, which both
//! `python3 -m unittest` and pytest find; the Node tests are run by `node --test`.

use std::path::Path;

/// A project, its mistake, a change that does not help and the one that does.
#[derive(Debug, Clone, Copy)]
pub struct Project {
    /// `rust`, `python` or `node`.
    pub name: &'static str,
    /// Its files, relative to its folder.
    pub files: &'static [(&'static str, &'static str)],
    /// The file with the mistake.
    pub target: &'static str,
    /// What is wrong in it; it is there once.
    pub broken: &'static str,
    /// What a hasty model would put in its place; the test still fails.
    pub wrong: &'static str,
    /// What makes the test pass.
    pub fixed: &'static str,
    /// The command that runs its tests.
    pub test_command: &'static str,
}

/// The document that asks for the repair, in every project.
const DOCUMENT: &str = "# Prices

A library that adds up the prices of a basket.

## Requirements

- The total of a basket is the sum of its prices less the discount in per cent.
- All tests of the project pass.
";

impl Project {
    /// All three.
    pub fn all() -> [Project; 3] {
        [Project::rust(), Project::python(), Project::node()]
    }

    /// A library crate.
    pub fn rust() -> Project {
        Project {
            name: "rust",
            files: &[
                ("PRD.md", DOCUMENT),
                (".gitignore", "/target\n/.loki\n"),
                ("Cargo.toml", "[package]\nname = \"prices\"\nversion = \"0.1.0\"\nedition = \"2021\"\n"),
                ("Cargo.lock", "version = 3\n\n[[package]]\nname = \"prices\"\nversion = \"0.1.0\"\n"),
                ("src/lib.rs", RUST_SOURCE),
            ],
            target: "src/lib.rs",
            broken: "sum + sum * discount_percent / 100",
            wrong: "sum - discount_percent",
            fixed: "sum - sum * discount_percent / 100",
            test_command: "cargo test --offline",
        }
    }

    /// A module and its tests.
    pub fn python() -> Project {
        Project {
            name: "python",
            files: &[
                ("PRD.md", DOCUMENT),
                (".gitignore", "__pycache__/\n/.pytest_cache\n/.loki\n"),
                ("pyproject.toml", "[project]\nname = \"prices\"\nversion = \"0.1.0\"\n"),
                ("prices.py", PYTHON_SOURCE),
                ("test_prices.py", PYTHON_TEST),
            ],
            target: "prices.py",
            broken: "whole + whole * discount_percent // 100",
            wrong: "whole - discount_percent",
            fixed: "whole - whole * discount_percent // 100",
            test_command: "python3 -m unittest",
        }
    }

    /// A package and its tests.
    pub fn node() -> Project {
        Project {
            name: "node",
            files: &[
                ("PRD.md", DOCUMENT),
                (".gitignore", "/node_modules\n/.loki\n"),
                ("package.json", NODE_MANIFEST),
                ("prices.js", NODE_SOURCE),
                ("test/prices.test.js", NODE_TEST),
            ],
            target: "prices.js",
            broken: "sum + Math.floor((sum * discountPercent) / 100)",
            wrong: "sum - discountPercent",
            fixed: "sum - Math.floor((sum * discountPercent) / 100)",
            test_command: "npm test",
        }
    }

    /// Writes its files into `folder`, which is made where it is missing.
    pub fn write(&self, folder: &Path) {
        for (relative, text) in self.files {
            let path = folder.join(relative);
            std::fs::create_dir_all(path.parent().expect("a folder above the file")).expect("folders");
            std::fs::write(&path, text).unwrap_or_else(|error| panic!("write {}: {error}", path.display()));
        }
    }

    /// Whether the mistake in `folder` is repaired, and nothing else of the file is changed.
    pub fn is_repaired(&self, folder: &Path) -> bool {
        let original = self.files.iter().find(|(name, _)| *name == self.target);
        let wanted = original.map(|(_, text)| text.replace(self.broken, self.fixed));
        std::fs::read_to_string(folder.join(self.target)).ok() == wanted
    }
}

const RUST_SOURCE: &str = "//! Adds up prices.

/// The total of `prices` in cents, less a discount.
pub fn total_cents(prices: &[u64], discount_percent: u64) -> u64 {
    let sum: u64 = prices.iter().sum();
    sum + sum * discount_percent / 100
}

#[cfg(test)]
mod tests {
    use super::total_cents;

    #[test]
    fn adds_up() {
        assert_eq!(total_cents(&[1000, 500], 0), 1500);
    }

    #[test]
    fn takes_the_discount_off() {
        assert_eq!(total_cents(&[1000, 500], 10), 1350);
    }
}
";

const PYTHON_SOURCE: &str = "\"\"\"Adds up prices.\"\"\"


def total_cents(prices, discount_percent):
    \"\"\"The total of the prices in cents, less a discount.\"\"\"
    whole = sum(prices)
    return whole + whole * discount_percent // 100
";

const PYTHON_TEST: &str = "import unittest

from prices import total_cents


class PricesTest(unittest.TestCase):
    def test_adds_up(self):
        self.assertEqual(total_cents([1000, 500], 0), 1500)

    def test_takes_the_discount_off(self):
        self.assertEqual(total_cents([1000, 500], 10), 1350)


if __name__ == \"__main__\":
    unittest.main()
";

const NODE_MANIFEST: &str = r#"{
  "name": "prices",
  "version": "0.1.0",
  "private": true,
  "main": "prices.js",
  "scripts": {
    "test": "node --test"
  }
}
"#;

const NODE_SOURCE: &str = "'use strict';

/** The total of the prices in cents, less a discount. */
function totalCents(prices, discountPercent) {
  const sum = prices.reduce((whole, price) => whole + price, 0);
  return sum + Math.floor((sum * discountPercent) / 100);
}

module.exports = { totalCents };
";

const NODE_TEST: &str = "'use strict';

const assert = require('node:assert');
const { test } = require('node:test');
const { totalCents } = require('../prices.js');

test('adds up', () => {
  assert.strictEqual(totalCents([1000, 500], 0), 1500);
});

test('takes the discount off', () => {
  assert.strictEqual(totalCents([1000, 500], 10), 1350);
});
";
