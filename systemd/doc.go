// Package systemd holds the unit files of the mount service as text, for `sentientfs service install` on Linux: one
// unit for each mount, Type=notify with a watchdog, so that "active" means that the mount answers.
//
// It must never hide the mount from the host: no setting that gives the service a mount namespace of its own, such as
// PrivateTmp, ProtectSystem or MountFlags. It must never have a secret in a unit.
package systemd
