import type { Attack } from './python-attacks.ts'

/** A command for `sh -c`; the folder of the world is what it is given. */
export interface ShellAttack extends Attack {
  readonly write?: boolean
}

const small = {
  wallMs: 1500,
  memoryBytes: 256 * 2 ** 20,
  outputBytes: 65_536,
  fileBytes: 4 * 2 ** 20,
  files: 50,
}

export const shellAttacks: readonly ShellAttack[] = [
  { name: 'reading outside', code: 'cat {secret}; cat {folder}/../secret/key.txt; ls -R / 2>/dev/null | grep key.txt && cat $(find / -name key.txt 2>/dev/null)' },
  { name: 'a link out of the folder', code: 'ln -s / root; ln -s {secret} key; cat root{secret} key', write: true },
  { name: 'a link left behind', code: 'ln -s {secret} a.txt -f; ln -s /etc bills/etc', write: true },
  { name: 'a hard link', code: 'ln {secret} key; cat key', write: true },
  { name: 'the environment', code: 'env; cat /proc/self/environ; cat /proc/1/environ; cat /proc/{pid}/environ; cat /proc/*/environ' },
  { name: 'the network', code: 'exec 3<>/dev/tcp/127.0.0.1/{port}; bash -c "echo x >/dev/tcp/127.0.0.1/{port}"; python3 -c "import socket; socket.create_connection((\'127.0.0.1\', {port}))"; curl http://127.0.0.1:{port}/' },
  { name: 'killing others', code: 'kill -9 {pid}; kill -9 1; kill -9 -- -1' },
  { name: 'writing outside', code: 'echo x > {outside}; mkdir -p $(dirname {outside}); echo x > {outside}; cp a.txt /usr/bin/x; echo x > /etc/x', write: true },
  { name: 'writing where it may only read', code: 'echo x > a.txt; rm -rf {folder}; mv bills /tmp; touch new; chmod 777 a.txt' },
  { name: 'removing all', code: 'rm -rf {folder}/* / --no-preserve-root 2>&1 | tail -3', write: true },
  { name: 'removing in other words', code: 'rmdir bills; find . -delete; python3 -c "import shutil; shutil.rmtree(\'bills\')"; mv a.txt /dev/null; truncate -s0 a.txt; dd if=/dev/zero of=a.txt count=1', write: true },
  { name: 'mounts', code: 'mount -o remount,rw /; mount --bind / /tmp; mount -t tmpfs none {folder}; umount {folder}; unshare -Urm true && unshare -Urm sh -c "mount -o remount,rw,bind {folder} && echo x > {folder}/a.txt"' },
  { name: 'other rights', code: 'sudo -n id; su -c id; setpriv --reuid 0 --clear-groups cat {secret}; chroot / cat {secret}; nsenter -t 1 -a cat {secret}' },
  { name: 'devices', code: 'cat /dev/mem /dev/kmsg /dev/sda /dev/vda; mknod x b 254 0; dmesg; ls /sys/class', write: true },
  { name: 'files of the system', code: 'cat /etc/shadow /etc/passwd /root/.ssh/* /home/*/.ssh/*; ls -la /root /home /var /run' },
  { name: 'a process that stays', code: '(setsid nohup sleep 1000 >/dev/null 2>&1 &) ; (setsid sh -c "sleep 1; echo x > {outside}; echo x > {folder}/a.txt" &); true', write: true },
  { name: 'a fork bomb', code: 'f(){ f|f& };f; sleep 100', ends: ['memory-limit', 'error', 'time-limit'], limits: small },
  { name: 'a slow fork bomb', slow: true, code: 'while true; do sleep 1000 & done', ends: ['memory-limit', 'error', 'time-limit'], limits: small },
  { name: 'a memory bomb', code: 'exec tail /dev/zero', ends: ['memory-limit', 'error'], limits: { ...small, wallMs: 10_000 } },
  { name: 'many small memory bombs', slow: true, code: 'for i in 1 2 3 4; do (head -c 100M /dev/zero | tail) & done; wait; sleep 100', ends: ['memory-limit', 'output-limit', 'error'], limits: { ...small, wallMs: 10_000 } },
  { name: 'memory in files', code: 'head -c 1G /dev/zero > /tmp/x; head -c 1G /dev/zero > /dev/shm/x; head -c 1G /dev/zero > /x; du -sm /tmp /dev | cut -f1', ends: ['error', 'done', 'file-limit'], limits: { ...small, wallMs: 10_000 } },
  { name: 'an endless loop', slow: true, code: 'while :; do :; done', ends: ['time-limit'], limits: small },
  { name: 'an endless loop that hears no signal', code: 'trap "" TERM INT HUP XCPU; while :; do :; done', ends: ['time-limit'], limits: small },
  { name: '10 GB of output', code: 'yes | head -c 10G', ends: ['output-limit'], limits: { ...small, wallMs: 20_000 } },
  { name: '10 GB of errors', code: 'yes >&2', ends: ['output-limit'], limits: { ...small, wallMs: 20_000 } },
  { name: 'a file of 10 GB', code: 'head -c 10G /dev/zero > x', write: true, ends: ['file-limit', 'error'], limits: small },
  { name: 'many files of 4 MB', code: 'for i in $(seq 1 1000); do head -c 4M /dev/zero > x$i; done', write: true, ends: ['file-limit'], limits: { ...small, wallMs: 20_000 } },
  { name: 'files without end', code: 'i=0; while :; do i=$((i+1)); : > f$i; done', write: true, ends: ['file-limit'], limits: { ...small, wallMs: 20_000 } },
] // prettier-ignore
