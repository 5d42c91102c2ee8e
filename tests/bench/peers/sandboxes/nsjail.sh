#!/bin/sh
# nsjail: `nsjail.sh PROJECT COMMAND…`. A new root with the system read-only, no network and a filter for
# what builds never call; the repository's own files read-only and `.loki` not there.
set -eu
project=$1
shift
root=$project
set -- --cwd "$root" -- "$@"
if [ -d "$root/.loki" ]; then set -- --tmpfsmount "$root/.loki" "$@"; fi
if [ -e "$root/.git" ]; then set -- --bindmount_ro "$root/.git" "$@"; fi
filter='POLICY builds { ERRNO(1) {
  ptrace, process_vm_readv, process_vm_writev, kcmp, unshare, setns, mount, umount, pivot_root, chroot,
  open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, mount_setattr, bpf, perf_event_open,
  userfaultfd, add_key, keyctl, request_key, kexec_load, kexec_file_load, init_module, finit_module,
  delete_module, syslog, quotactl, swapon, swapoff, settimeofday, clock_settime, clock_adjtime, adjtimex,
  sethostname, setdomainname, iopl, ioperm, acct, reboot, open_by_handle_at, name_to_handle_at,
  fanotify_init, move_pages, personality, io_uring_setup, io_uring_enter, io_uring_register
} } USE builds DEFAULT ALLOW'
exec nsjail --mode o --really_quiet --time_limit 60 --rlimit_as max --rlimit_fsize max --rlimit_nofile 1024 \
  --env PATH=/usr/local/bin:/usr/bin:/bin --env HOME=/tmp --env LANG=C.UTF-8 --iface_no_lo \
  --bindmount_ro /usr --symlink usr/bin:/bin --symlink usr/sbin:/sbin --symlink usr/lib:/lib \
  --symlink usr/lib64:/lib64 --bindmount_ro /etc/ld.so.cache --bindmount_ro /dev/null \
  --bindmount_ro /dev/zero --bindmount_ro /dev/urandom --tmpfsmount /tmp --bindmount "$root" \
  --seccomp_string "$filter" "$@"
