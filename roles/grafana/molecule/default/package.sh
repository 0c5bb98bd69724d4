#!/bin/sh
# Makes the stand-in what Grafana comes as: a package, an archive, a repository with the package.
# Usage: package.sh DIRECTORY
set -eu
here=$(cd "$(dirname "$0")" && pwd)
cd "$1"
rm -rf tree archive repository
mkdir -p tree/DEBIAN tree/usr/share/grafana/bin tree/lib/systemd/system archive/grafana-1.0/bin repository
install -m 755 "$here/stand_in.py" tree/usr/share/grafana/bin/grafana
install -m 755 "$here/stand_in.py" archive/grafana-1.0/bin/grafana
cat >tree/DEBIAN/control <<'END'
Package: grafana
Version: 1.0
Architecture: all
Maintainer: adbray maintainers
Depends: python3
Description: stands in for Grafana in a test
END
cat >tree/lib/systemd/system/grafana-server.service <<'END'
[Service]
ExecStart=/bin/sleep infinity
[Install]
WantedBy=multi-user.target
END
# As Debian's packages do, which is more than Grafana's does.
cat >tree/DEBIAN/postinst <<'END'
#!/bin/sh
set -e
systemctl enable grafana-server.service
deb-systemd-invoke start grafana-server.service
END
chmod 755 tree/DEBIAN/postinst
dpkg-deb --root-owner-group --build tree grafana.deb
tar -C archive --owner=0 --group=0 -czf grafana.tar.gz grafana-1.0
cp grafana.deb repository/
{
    dpkg-deb --field grafana.deb
    echo "Filename: ./grafana.deb"
    echo "Size: $(stat -c %s grafana.deb)"
    echo "SHA256: $(sha256sum grafana.deb | cut -d ' ' -f 1)"
} >repository/Packages
