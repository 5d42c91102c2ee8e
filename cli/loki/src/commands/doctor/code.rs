//! The codes of what `loki doctor` can find. A code keeps its meaning for ever.

use serde::{Serialize, Serializer};

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    /// Forge's catalog, `state.db`, is corrupted.
    CatalogCorrupted,
    /// A rollback of a migration failed.
    RollbackFailed,
    /// The vault is locked.
    VaultLocked,
    /// The app's data, `db.sqlite`, is corrupted.
    DataCorrupted,
    /// The ledger cannot be read.
    LedgerUnreadable,
    /// The ledger comes from a newer version.
    LedgerNewer,
    /// Who holds the project.
    LockHeld,
    /// The receipt key is missing its protection.
    ReceiptKeyExposed,
    /// The configuration is refused.
    ConfigRefused,
    /// The models that are configured cannot be asked.
    ProviderRefused,
    /// The project cannot be written.
    ProjectReadOnly,
    /// The disk is nearly full.
    DiskNearlyFull,
    /// git is missing.
    GitMissing,
    /// The kernel cannot confine commands.
    LandlockMissing,
}

impl Code {
    /// Its name in reports and in the guide.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Code::CatalogCorrupted => "FRG001",
            Code::RollbackFailed => "FRG002",
            Code::VaultLocked => "FRG003",
            Code::DataCorrupted => "FRG004",
            Code::LedgerUnreadable => "RUN001",
            Code::LedgerNewer => "RUN002",
            Code::LockHeld => "RUN003",
            Code::ReceiptKeyExposed => "RUN004",
            Code::ConfigRefused => "CFG001",
            Code::ProviderRefused => "CFG002",
            Code::ProjectReadOnly => "ENV001",
            Code::DiskNearlyFull => "ENV002",
            Code::GitMissing => "ENV003",
            Code::LandlockMissing => "ENV004",
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
