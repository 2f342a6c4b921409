#!/bin/sh
# Puts the root together, in the initrd, whose every byte the firmware checked. The tree, with names, modes and the
# fs-verity digest of each file's content, lies in the initrd as an EROFS image; the content lies in the OSTree
# repository of the disk, and the kernel compares each file with its digest when it is opened and each block when it is
# read. So nothing of the disk is believed.
set -eu

say() {
  echo "piccolo: $1" > /dev/console
}

fail() {
  say "$1"
  exit 1
}

image=/usr/lib/piccolo/root.erofs
work=/run/piccolo
[ -f "$image" ] || fail "this boot image has no root in it: write the installer to a USB stick and repair the system with it"
[ -d /sysroot/ostree/repo/objects ] || fail "the disk holds no release: write the installer to a USB stick and repair the system with it"

mkdir -p "$work/tree" "$work/root" "$work/etc"
# The initrd is thrown away later, /run is not.
cp "$image" "$work/root.erofs"
mount -t erofs -o ro,loop,nodev,nosuid "$work/root.erofs" "$work/tree" || fail "the root's tree cannot be mounted"
mount -t overlay -o "ro,nodev,nosuid,metacopy=on,redirect_dir=on,verity=require,lowerdir=$work/tree::/sysroot/ostree/repo/objects" \
  piccolo "$work/root" || fail "the root cannot be mounted"

# Changes to /etc last until the machine is off.
mount -t tmpfs -o mode=0755,nodev,nosuid,noexec,size=16m piccolo-etc "$work/etc"
mkdir "$work/etc/upper" "$work/etc/work"
mount -t overlay -o "nodev,nosuid,noexec,lowerdir=$work/root/usr/etc,upperdir=$work/etc/upper,workdir=$work/etc/work" \
  piccolo-etc "$work/root/etc"
mount -t tmpfs -o mode=0755,nodev,nosuid,noexec,size=256m piccolo-var "$work/root/var"

# What cannot even start is found out here, where the answer is a new start and, in the end, the release before.
chroot "$work/root" /usr/lib/systemd/systemd --version > /dev/null || fail "the system on the disk is damaged"

# A mount below a shared one cannot be moved; systemd shares them again once it runs from the new root.
mount --make-rprivate /
mount --move /sysroot "$work/root/sysroot"
mount --move "$work/root" /sysroot
