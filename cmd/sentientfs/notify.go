package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// stopMargin is what a mount takes at most to end, beside the uploads.
const stopMargin = 30 * time.Second

// notify tells the service manager how it goes with a mount in the foreground (sd_notify(3)); without one nobody hears
// it. A mount in the background is no main process of a service.
func (m *mounted) notify(states ...string) {
	if !m.cfg.Foreground {
		return
	}
	if _, err := daemon.SdNotify(false, strings.Join(states, "\n")); err != nil {
		m.log.Warn("cannot tell the service manager", "error", err)
	}
}

func (m *mounted) notifyReady() {
	m.notify(daemon.SdNotifyReady, fmt.Sprintf("STATUS=%s is mounted on %s", m.cfg.Source, m.cfg.MountPoint))
}

// notifyStopping asks for the time that the uploads may take: systemd kills after 90 seconds by default.
func (m *mounted) notifyStopping() {
	limit := m.cfg.UnmountTimeout + stopMargin
	m.notify(daemon.SdNotifyStopping, "STATUS=uploading what is pending", fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", limit.Microseconds()))
}

func (m *mounted) notifyStatus(text string) {
	m.notify("STATUS=" + strings.ReplaceAll(text, "\n", " "))
}
