#!/usr/bin/env bash
# The packages as a stranger meets them: a clean Debian 12, `apt install`, the host under its own user, a plugin of each template
# from the printed commands, removal. Needs to be root; everything happens in a folder that goes at the end.
#   check.sh FILE.deb...
set -euo pipefail
[ "$(id -u)" = 0 ] || { echo "package --check needs root, for debootstrap and chroot" >&2; exit 1; }

root=$(mktemp -d "${TMPDIR:-/tmp}/tomada-package-XXXXXX")
host=
in_root() { chroot "$root" env -i HOME=/srv PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
clean_up() {
  [ -z "$host" ] || kill "$host" 2>/dev/null || true
  wait 2>/dev/null || true
  for mount in proc dev sys; do umount -l "$root/$mount" 2>/dev/null || true; done
  rm -rf --one-file-system "$root"
}
trap clean_up EXIT
step() { printf '==> %s s  %s\n' "$SECONDS" "$*"; }
fail() {
  printf 'package --check: %s\n' "$*" >&2
  [ ! -f "$root/srv/host.log" ] || tail -20 "$root/srv/host.log" >&2
  exit 1
}
# Until `$@` succeeds, for at most 30 s.
wait_for() {
  local what=$1 _
  shift
  for _ in $(seq 150); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.2
  done
  fail "$what did not happen within 30 s"
}

chmod 755 "$root"  # it becomes everybody's /
step "a clean Debian 12 in $root"
mirror=$(apt-cache policy bash | grep -oE 'https?://[^ ]+' | head -1)
debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || { tail "$root.log"; fail debootstrap; }
rm -f "$root.log"
# This machine's way to its packages.
rm -f "$root/etc/apt/sources.list"
cp -r /etc/apt/sources.list* "$root/etc/apt/"
cp -n /etc/apt/apt.conf.d/99* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
cp /etc/resolv.conf /etc/hosts "$root/etc/"
for mount in proc dev sys; do mount --rbind "/$mount" "$root/$mount"; done
mkdir "$root/packages" && cp "$@" "$root/packages/"

step "apt install of both packages"
in_root apt-get update -qq
in_root sh -c 'apt-get install -y -qq --no-install-recommends /packages/*.deb >/srv/apt.log 2>&1' || { tail "$root/srv/apt.log"; fail "apt install"; }
in_root tomada version
[ "$(stat -c '%a %U' "$root/var/lib/tomada")" = "700 $(stat -c %U "$root/var/lib/tomada")" ] || fail "/var/lib/tomada has the wrong mode"
in_root sh -c '[ "$(stat -c %U:%G:%a /var/lib/tomada)" = tomada:tomada:700 ]' || fail "/var/lib/tomada is not the user's own"

step "the host, as its user and with the settings of the package"
in_root=(chroot "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin)  # no function: its process is to be the host
"${in_root[@]}" setpriv --reuid tomada --regid tomada --clear-groups env XDG_STATE_HOME=/var/lib tomada serve --config /etc/tomada/tomada.toml >"$root/srv/host.log" 2>&1 &
host=$!
wait_for "the start of the host" in_root tomada plugin list --json
for id in aws-s3 stripe webhook; do
  in_root tomada plugin list | grep -q "^available  $id " || { in_root tomada plugin list; fail "$id is not available"; }
done

step "compilers of four languages"
in_root sh -c 'apt-get install -y -qq --no-install-recommends gcc g++ libc6-dev make cmake nlohmann-json3-dev rapidjson-dev rustc cargo golang-go >/srv/apt.log 2>&1' ||
  { tail "$root/srv/apt.log"; fail "apt install of compilers"; }
for language in c cpp rust go; do
  begin=$SECONDS
  in_root sh -ec "cd /srv && tomada plugin new my-$language --lang $language | sed '1,/^Next:/d' >steps && sh -ex steps" >"$root/srv/$language.log" 2>&1 ||
    { cat "$root/srv/$language.log"; fail "the template of $language"; }
  grep -E ' 0 failed' "$root/srv/$language.log" || { cat "$root/srv/$language.log"; fail "the check of $language"; }
  in_root sh -ec "install -m 644 \$(find /srv/my-$language -name '*.so' | head -1) /usr/lib/tomada/plugins/"
  wait_for "my-$language becoming available" sh -c "chroot '$root' tomada plugin list | grep -q '^available  my-$language '"
  step "$language: made, built, checked and taken up by the running host in $((SECONDS - begin)) s"
done

begin=$SECONDS
in_root sh -ec 'cp -r /usr/share/doc/tomada-plugin-dev/examples/example /srv/example; cd /srv/example; cmake -B build; cmake --build build
  tomada plugin check build/example.so' >"$root/srv/example.log" 2>&1 || { cat "$root/srv/example.log"; fail "the example of start.md"; }
step "the example of start.md: built and checked in $((SECONDS - begin)) s"

step "the unit, in a machine that systemd boots"
in_root sh -c 'apt-get install -y -qq --no-install-recommends systemd systemd-sysv dbus >/srv/apt.log 2>&1' || { tail "$root/srv/apt.log"; fail "apt install of systemd"; }
kill "$host" && wait "$host" || fail "the host did not stop well"
host=
for mount in proc dev sys; do umount -l "$root/$mount"; done
# Its commands are given as root, the service is the user tomada.
cat >"$root/srv/look.sh" <<'LOOK'
for _ in $(seq 100); do tomada plugin list >/dev/null 2>&1 && break; sleep 0.2; done
systemctl is-active tomada && tomada tenant create acme && tomada plugin allow stripe --tenant acme --yes
systemctl stop tomada && systemctl show tomada --property=Result
journalctl -u tomada --no-pager | tail -20
systemctl poweroff
LOOK
printf '[Unit]\nAfter=tomada.service\n[Service]\nType=oneshot\nExecStart=/bin/sh -c "exec sh /srv/look.sh >/srv/look.log 2>&1"\n' >"$root/etc/systemd/system/look.service"
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -sf /etc/systemd/system/look.service "$root/etc/systemd/system/multi-user.target.wants/look.service"
timeout 120 systemd-nspawn -q -D "$root" --register=no --keep-unit --private-network --console=pipe --boot >"$root/srv/boot.log" 2>&1 || true
for line in '^active$' '^tenant acme created' '^plugin stripe is allowed' '^Result=success$'; do
  grep -q "$line" "$root/srv/look.log" || { cat "$root/srv/look.log" "$root/srv/boot.log"; fail "the unit: no line $line"; }
done
rm "$root/etc/systemd/system/look.service" "$root/etc/systemd/system/multi-user.target.wants/look.service"
for mount in proc dev sys; do mount --rbind "/$mount" "$root/$mount"; done

step "the same version again, then remove, then purge"
in_root sh -c 'echo "# mine" >>/etc/tomada/tomada.toml; apt-get install -y -qq --reinstall /packages/tomada_*.deb >/srv/apt.log 2>&1'
grep -q '^# mine$' "$root/etc/tomada/tomada.toml" || fail "an upgrade overwrote the operator's settings"
in_root sh -c 'apt-get remove -y -qq tomada >/srv/apt.log 2>&1'
[ ! -e "$root/usr/bin/tomada" ] && [ -f "$root/etc/tomada/tomada.toml" ] || fail "remove: the program must go, the settings stay"
in_root sh -c 'apt-get purge -y -qq tomada >/srv/apt.log 2>&1'
[ ! -e "$root/etc/tomada/tomada.toml" ] || fail "purge leaves the settings"
[ -f "$root/var/lib/tomada/tomada.db" ] || fail "purge removed the data"
step "all of it works"
