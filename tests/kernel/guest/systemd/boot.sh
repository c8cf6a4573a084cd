# Sourced by the suite's start script in the guest: go on as systemd, PID 1, which runs the tests as a unit.
#
# The machine's root directory is that of the host, whose services are of no interest: no generator may run, and the
# only target is ours.

units=/run/systemd/system
mkdir -p "$units" /run/systemd/system-generators
for generator in /lib/systemd/system-generators/* /usr/local/lib/systemd/system-generators/*; do
    ln -sf /dev/null "/run/systemd/system-generators/${generator##*/}"
done

cat > "$units/guest-tests.service" <<END
[Unit]
DefaultDependencies=no
[Service]
Type=exec
ExecStart=/bin/sh $0 tests
StandardOutput=file:/dev/console
StandardError=inherit
END

cat > "$units/guest-tests.target" <<END
[Unit]
DefaultDependencies=no
Requires=guest-tests.service
After=guest-tests.service
END

exec /lib/systemd/systemd --unit=guest-tests.target --show-status=0 --log-target=console --log-level=notice
