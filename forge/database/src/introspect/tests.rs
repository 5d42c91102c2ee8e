//! Introspection of managed, unmanaged and tampered databases.
