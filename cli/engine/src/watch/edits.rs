//! A person's edits during a run, told from the run's own.
//!
//! The folders that are not ignored are watched. What the run does is bracketed by [`Edits::own`]: at either
//! end of a bracket a file of ours is made in a watched folder and its event waited for, so every event from
//! before is known to be in; then the files that events name are compared with a record of what they were
//! like. What differs is the run's inside a bracket and a person's outside of one. Where events were lost,
//! all files are compared.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use notify::event::{ModifyKind, RenameMode};
use notify::{ErrorKind, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};

use crate::worktree::{Rules, Stamp, Worktree, stamp};

/// Folders that are watched.
const FOLDERS_MAX: usize = 4096;
/// Paths that are named at a time.
const PATHS_MAX: usize = 200;
/// Paths that are remembered until they are asked for.
const FOUND_MAX: usize = 100_000;
/// Events that wait to be looked at.
const EVENTS_MAX: usize = 65_536;
/// How long an event of ours may take before events count as lost.
const SYNC_AT_MOST: Duration = Duration::from_millis(500);
/// Times that folders are looked for anew because some were found.
const LOOKS_MAX: usize = 4;

/// Notices what a person changes in the project during a run. A handle: copies are of the same.
#[derive(Clone)]
pub struct Edits(Arc<Held>);

/// What a person changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Edited {
    /// Paths below the project, in order, each once: the first 200.
    pub paths: Vec<String>,
    /// How many there are besides.
    pub more: u64,
}

/// An effect of the run's own is under way until this is dropped.
#[must_use]
pub struct Own(Arc<Held>);

struct Held(Arc<Shared>);

struct Shared {
    worktree: Worktree,
    /// Where our own events are made.
    sync: PathBuf,
    number: AtomicU64,
    /// Whether there were more events than could be kept.
    lost: AtomicBool,
    watcher: Mutex<Option<RecommendedWatcher>>,
    book: Mutex<Book>,
    synced: Condvar,
}

/// What is known.
#[derive(Default)]
struct Book {
    /// The folders that are watched, each with the rules that hold in it.
    folders: HashMap<Vec<u8>, Rules>,
    /// What files were like when they were last looked at.
    record: BTreeMap<Vec<u8>, Stamp>,
    /// Paths that events named since.
    touched: HashSet<Vec<u8>>,
    /// What a person changed.
    found: BTreeSet<Vec<u8>>,
    /// How many effects of the run's own are under way.
    own: usize,
    /// The newest event of ours that came.
    synced: u64,
    /// Whether what is ignored may have changed.
    rules_changed: bool,
    /// Whether events were lost.
    lost: bool,
    warning: Option<String>,
    warned: bool,
}

impl Edits {
    /// Watches a project. Where that cannot be done, or not for all of it, it goes on without and
    /// [`Edits::warning`] says so. Reads no file's content; takes milliseconds for thousands of files.
    pub fn new(worktree: &Worktree) -> Self {
        let (send, receive) = mpsc::sync_channel(EVENTS_MAX);
        let shared = Arc::new(Shared {
            sync: worktree.state().join("watch"),
            worktree: worktree.clone(),
            number: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            watcher: Mutex::new(None),
            book: Mutex::new(Book::default()),
            synced: Condvar::new(),
        });
        if let Err(error) = start(&shared, send, receive) {
            let mut book = shared.book();
            book.warn(format!("a person's edits during the run are not noticed: {error}"));
        }
        Self(Arc::new(Held(shared)))
    }

    /// Says that an effect of the run's own begins; it ends when what is returned is dropped. What changes
    /// in between is the run's. Effects may overlap. Waits a moment for what happened before.
    pub fn own(&self) -> Own {
        self.0.0.begin();
        Own(Arc::clone(&self.0))
    }

    /// Says that the run itself wrote this file, an absolute path or one below the project, and not a person.
    pub fn note_written(&self, path: &Path) {
        let shared = &self.0.0;
        let full = shared.worktree.root().join(path);
        let Ok(path) = full.strip_prefix(shared.worktree.root()) else { return };
        shared.book().settle(path.as_os_str().as_bytes(), stamp(&full));
    }

    /// What a person changed since this was asked last: files that are there and differ, are new, or are gone.
    /// While an effect is under way, what was noticed before it.
    pub fn take(&self) -> Edited {
        let shared = &self.0.0;
        if shared.book().own == 0 {
            shared.sync();
        }
        let mut book = shared.book();
        if book.own == 0 {
            shared.settle(&mut book, false);
        }
        let found = std::mem::take(&mut book.found);
        let more = found.len().saturating_sub(PATHS_MAX) as u64;
        let shown = |path: &Vec<u8>| String::from_utf8_lossy(path).into_owned();
        Edited { paths: found.iter().take(PATHS_MAX).map(shown).collect(), more }
    }

    /// What is not watched, and why: once.
    pub fn warning(&self) -> Option<String> {
        self.0.0.book().warning.take()
    }

    /// As if the kernel had dropped what it had to say so far.
    #[cfg(test)]
    pub(super) fn lose_events(&self) {
        self.0.0.sync();
        let mut book = self.0.0.book();
        book.touched.clear();
        book.lost = true;
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.0.0.end();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Ends the watcher's thread, and with it ours, which waits for what that one sends.
        drop(lock(&self.0.watcher).take());
    }
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    fn begin(&self) {
        self.sync();
        let mut book = self.book();
        if book.own == 0 {
            self.settle(&mut book, false);
        }
        book.own += 1;
    }

    fn end(&self) {
        self.sync();
        let mut book = self.book();
        book.own = book.own.saturating_sub(1);
        if book.own == 0 {
            self.settle(&mut book, true);
        }
    }

    /// Waits until every event of what has happened so far is in, or counts events as lost.
    fn sync(&self) {
        if lock(&self.watcher).is_none() {
            return;
        }
        let number = self.number.fetch_add(1, Ordering::Relaxed) + 1;
        let file = self.sync.join(format!("{}-{number}", process::id()));
        let is_made = fs::write(&file, b"").is_ok();
        let book = self.book();
        let waited =
            self.synced.wait_timeout_while(book, SYNC_AT_MOST, |book| is_made && book.synced < number);
        let (mut book, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        book.lost |= waited.timed_out() || !is_made;
        drop(book);
        // What stays is cleared at the next start.
        drop(fs::remove_file(&file));
    }

    /// Compares what events named with the record.
    fn settle(&self, book: &mut Book, are_own: bool) {
        book.lost |= self.lost.swap(false, Ordering::Relaxed);
        let touched = std::mem::take(&mut book.touched);
        let mut different = Vec::new();
        for path in touched {
            let now = stamp(&self.worktree.root().join(OsStr::from_bytes(&path)));
            if book.settle(&path, now) {
                different.push(path);
            }
        }
        if book.lost || book.rules_changed {
            let is_lost = std::mem::take(&mut book.lost);
            book.rules_changed = false;
            let all = self.look(book);
            // Where only rules changed, files that are new to us were there before.
            different.extend(all.into_iter().filter(|_| is_lost));
        }
        if !are_own {
            book.found.extend(different);
            while book.found.len() > FOUND_MAX {
                book.found.pop_last();
            }
        }
    }

    /// Looks at all files, watches all folders, and returns which files differ from the record.
    fn look(&self, book: &mut Book) -> Vec<Vec<u8>> {
        for _ in 0..LOOKS_MAX {
            let scan = match self.worktree.seen() {
                Ok(scan) => scan,
                Err(error) => {
                    book.warn(format!("a person's edits may go unnoticed: {error}"));
                    return Vec::new();
                }
            };
            let is_new = self.follow(book, scan.folders);
            if is_new {
                // What happened there before it was watched is in the next look.
                continue;
            }
            let now: BTreeMap<Vec<u8>, Stamp> =
                scan.entries.into_iter().map(|entry| (entry.path, entry.stamp)).collect();
            let differs = |path: &&Vec<u8>| !same(book.record.get(*path), now.get(*path));
            let gone = book.record.keys().filter(|path| !now.contains_key(*path));
            let different = now.keys().filter(differs).chain(gone).cloned().collect();
            book.record = now;
            return different;
        }
        Vec::new()
    }

    /// Watches these folders and no others. Whether one is new.
    fn follow(&self, book: &mut Book, folders: Vec<(Vec<u8>, Rules)>) -> bool {
        let mut before = std::mem::take(&mut book.folders);
        let mut is_new = false;
        for (path, rules) in folders {
            if before.remove(&path).is_some() {
                book.folders.insert(path, rules);
            } else {
                is_new |= self.watch(book, path, rules);
            }
        }
        for gone in before.keys() {
            if let Some(watcher) = lock(&self.watcher).as_mut() {
                // It may be gone by itself.
                drop(watcher.unwatch(&self.worktree.root().join(OsStr::from_bytes(gone))));
            }
        }
        is_new
    }

    fn watch(&self, book: &mut Book, path: Vec<u8>, rules: Rules) -> bool {
        if book.folders.len() >= FOLDERS_MAX {
            book.warn(format!("only {FOLDERS_MAX} folders are watched for a person's edits"));
            return false;
        }
        let full = self.worktree.root().join(OsStr::from_bytes(&path));
        let mut watcher = lock(&self.watcher);
        let Some(watcher) = watcher.as_mut() else { return false };
        match watcher.watch(&full, RecursiveMode::NonRecursive) {
            Ok(()) => {
                book.folders.insert(path, rules);
                true
            }
            Err(error) => {
                if matches!(error.kind, ErrorKind::MaxFilesWatch) {
                    book.warn(
                        "the system's limit of watches (`fs.inotify.max_user_watches`) is reached: a \
                               person's edits are not noticed everywhere"
                            .to_owned(),
                    );
                }
                false
            }
        }
    }

    fn event(&self, event: &Event) {
        let mut book = self.book();
        book.lost |= event.need_rescan();
        for path in &event.paths {
            if path.parent() == Some(&self.sync) {
                let name = path.file_name().and_then(OsStr::to_str).and_then(|name| name.split_once('-'));
                if let Some((_, number)) = name.filter(|(pid, _)| *pid == process::id().to_string()) {
                    book.synced = book.synced.max(number.parse().unwrap_or(0));
                    self.synced.notify_all();
                }
            } else if let Ok(path) = path.strip_prefix(self.worktree.root()) {
                self.touch(&mut book, path.as_os_str().as_bytes(), event.kind);
            }
        }
    }

    fn touch(&self, book: &mut Book, path: &[u8], kind: EventKind) {
        let above = path.iter().rposition(|byte| *byte == b'/').map_or(&b""[..], |end| &path[..end]);
        let name = path.strip_prefix(above).map_or(path, |name| name.strip_prefix(b"/").unwrap_or(name));
        let Some(rules) = book.folders.get(above).cloned() else { return };
        if path.is_empty() || name == b".git" || self.worktree.is_state(path) {
            return;
        }
        book.rules_changed |= name == b".gitignore";
        let full = self.worktree.root().join(OsStr::from_bytes(path));
        let is_there = fs::symlink_metadata(&full).ok();
        let is_folder = is_there.as_ref().is_some_and(fs::Metadata::is_dir);
        let came = matches!(kind, EventKind::Create(_))
            || matches!(kind, EventKind::Modify(ModifyKind::Name(RenameMode::To)));
        if book.folders.contains_key(path) && (came || is_there.is_none_or(|meta| !meta.is_dir())) {
            book.forget(path);
        }
        if rules.ignored(path, is_folder) {
            return;
        }
        if !is_folder {
            book.touched.insert(path.to_vec());
        } else if !book.folders.contains_key(path) {
            self.enter(book, path, &rules);
        }
    }

    /// Watches a folder that came, and what is in it.
    fn enter(&self, book: &mut Book, path: &[u8], above: &Rules) {
        let full = self.worktree.root().join(OsStr::from_bytes(path));
        let rules = self.worktree.rules_in(path, above);
        if !self.watch(book, path.to_vec(), rules.clone()) {
            return;
        }
        for entry in fs::read_dir(&full).into_iter().flatten().flatten() {
            let name = entry.file_name();
            let inside = [path, b"/", name.as_bytes()].concat();
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if name == ".git" || rules.ignored(&inside, is_folder) {
                continue;
            }
            if is_folder {
                self.enter(book, &inside, &rules);
            } else {
                book.touched.insert(inside);
            }
        }
    }
}

impl Book {
    /// Takes down what a file is like now. Whether it differs from before.
    fn settle(&mut self, path: &[u8], now: Option<Stamp>) -> bool {
        let differs = !same(self.record.get(path), now.as_ref());
        match now {
            Some(now) => drop(self.record.insert(path.to_vec(), now)),
            None => drop(self.record.remove(path)),
        }
        differs
    }

    /// Forgets a folder that went, whose files did too.
    fn forget(&mut self, folder: &[u8]) {
        let below = [folder, b"/"].concat();
        self.folders.retain(|path, _| path != folder && !path.starts_with(&below));
        let files = self.record.range(below.clone()..).map(|(path, _)| path);
        self.touched.extend(files.take_while(|path| path.starts_with(&below)).cloned());
    }

    fn warn(&mut self, text: String) {
        if !self.warned {
            self.warned = true;
            self.warning = Some(text);
        }
    }
}

/// Starts to watch: our own folder, then everything.
fn start(
    shared: &Arc<Shared>,
    send: SyncSender<Event>,
    receive: Receiver<Event>,
) -> Result<(), notify::Error> {
    clear(&shared.sync)?;
    let lost = Arc::downgrade(shared);
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
        // The watcher's thread must never wait for ours, which waits for it when it adds a folder.
        let is_kept = match event {
            Ok(event) if matches!(event.kind, EventKind::Access(_)) => true,
            Ok(event) => send.try_send(event).is_ok(),
            Err(_) => false,
        };
        if let Some(shared) = lost.upgrade().filter(|_| !is_kept) {
            shared.lost.store(true, Ordering::Relaxed);
        }
    })?;
    watcher.watch(&shared.sync, RecursiveMode::NonRecursive)?;
    *lock(&shared.watcher) = Some(watcher);
    let worker = Arc::clone(shared);
    let run = move || receive.into_iter().for_each(|event| worker.event(&event));
    thread::Builder::new().name("loki-edits".to_owned()).spawn(run)?;
    let mut book = shared.book();
    shared.look(&mut book);
    Ok(())
}

/// Makes the folder of our own events, empty.
fn clear(folder: &Path) -> std::io::Result<()> {
    match fs::symlink_metadata(folder) {
        Ok(meta) if meta.is_dir() => {}
        Ok(_) => fs::remove_file(folder).and_then(|()| fs::create_dir(folder))?,
        Err(_absent) => fs::create_dir(folder)?,
    }
    for entry in fs::read_dir(folder)?.flatten() {
        let is_live =
            entry.file_name().to_str().and_then(|name| name.split_once('-')).is_some_and(|(pid, _)| {
                pid == process::id().to_string() || Path::new("/proc").join(pid).exists()
            });
        if !is_live {
            drop(fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

/// Whether a file is as it was, as far as its content goes. A file that was looked at counts as the same.
fn same(before: Option<&Stamp>, now: Option<&Stamp>) -> bool {
    match (before, now) {
        (Some(before), Some(now)) => before.has_content_of(now),
        (None, None) => true,
        _ => false,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
