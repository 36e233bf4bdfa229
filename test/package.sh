# The life of the package in a copy of this machine's file system that is thrown away:
# sh package.sh OLD.deb NEW.deb, as root, in a mount namespace of its own. Prints what it sees.
set -eu
scratch=$(mktemp -d)
mount -t tmpfs tmpfs "$scratch"
mkdir "$scratch/upper" "$scratch/work" "$scratch/root"
mount -t overlay overlay -o "lowerdir=/,upperdir=$scratch/upper,workdir=$scratch/work" "$scratch/root"
root=$scratch/root
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -t tmpfs tmpfs "$root/tmp"
mount -t tmpfs tmpfs "$root/run"
cp "$1" "$root/tmp/old.deb"
cp "$2" "$root/tmp/new.deb"
exec chroot "$root" sh -eu <<'INSIDE'
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
status() { dpkg-query -W -f '${Status} ${Version}' rangesrv; }
is() { if "$@" 2>/dev/null; then echo yes; else echo no; fi; }
cd /tmp

apt-get install -qy --no-install-recommends ./old.deb >log 2>&1 || { cat log; exit 1; }
echo "installed: $(status)"
echo "enabled: $(is test -L /etc/systemd/system/multi-user.target.wants/rangesrv.service)"
echo "manual page: $(is test -s /usr/share/man/man1/rangesrv.1.gz)"
head -c 16000000 /dev/urandom >/srv/rangesrv/file
echo '# mine' >>/etc/rangesrv.toml

rangesrv --config /etc/rangesrv.toml --host 127.0.0.1 --port 0 --no-seed 2>banner >/dev/null &
server=$!
until grep -q http banner; do kill -0 $server; done
url=$(grep -oE 'http://127[^ ]*' banner | head -n 1)
curl -s --limit-rate 2M -o got "${url%/data/*}/data/file" &
download=$!
until test -s got; do kill -0 $download; done
# However long the upgrade takes, the download outlasts it.
kill -STOP $download
dpkg -i new.deb >log 2>&1 || { cat log; exit 1; }
echo "downloading when upgraded: $(is kill -0 $download)"
kill -CONT $download
wait $download
echo "whole: $(is cmp got /srv/rangesrv/file)"
kill $server
wait $server
echo "upgraded: $(status)"
echo "configuration: $(tail -n 1 /etc/rangesrv.toml)"
echo "runs: $(rangesrv --version | cut -d' ' -f1)"

dpkg -r rangesrv >log 2>&1 || { cat log; exit 1; }
echo "removed: $(status), executable $(is test -e /usr/bin/rangesrv), configuration $(is test -e /etc/rangesrv.toml)"
mkdir -p /var/lib/private/rangesrv
dpkg -P rangesrv >log 2>&1 || { cat log; exit 1; }
echo "purged: configuration $(is test -e /etc/rangesrv.toml), state $(is test -e /var/lib/private/rangesrv), files $(is test -s /srv/rangesrv/file), enabled $(is test -L /etc/systemd/system/multi-user.target.wants/rangesrv.service)"
INSIDE
