#!/bin/bash
# What the initrd needs beyond systemd: the kernel's file systems, and the one step that puts the root together.

check() {
  return 255
}

depends() {
  echo systemd
}

installkernel() {
  # A word a line, beside comments.
  hostonly='' instmods $(sed 's/#.*//' "$moddir/drivers.txt")
}

install() {
  inst_multiple sh mount umount mkdir losetup cp sleep chroot modprobe systemctl
  # systemd loads these when it measures a phase of the boot, and measures nothing where they are missing.
  inst_libdir_file "libtss2-esys.so*" "libtss2-sys.so*" "libtss2-mu.so*" "libtss2-rc.so*" "libtss2-tcti-device.so*"
  mkdir -p "$initdir"/{dev,proc,sys,run,tmp,var,sysroot,root}
  inst_script "$moddir/piccolo-root.sh" /usr/lib/piccolo/piccolo-root
  inst_simple "$moddir/piccolo-root.service" "$systemdsystemunitdir/piccolo-root.service"
  $SYSTEMCTL -q --root "$initdir" add-wants initrd-root-fs.target piccolo-root.service
  # Where the start cannot go on, the machine starts again: the boot loader counts, and falls back to the release before.
  local unit
  for unit in emergency.service rescue.service; do
    inst_simple "$moddir/start-again.service" "$systemdsystemunitdir/$unit"
  done
  # Nothing of the ESP becomes part of the system, and nobody but piccolod writes PCR 15.
  for unit in dracut-emergency.service debug-shell.service systemd-sysext.service systemd-confext.service \
    systemd-sysext-initrd.service systemd-confext-initrd.service systemd-ask-password-console.service \
    systemd-ask-password-console.path ctrl-alt-del.target dracut-shutdown-onfailure.service \
    systemd-pcrfs-root.service systemd-pcrmachine.service systemd-repart.service systemd-volatile-root.service; do
    ln -sfn /dev/null "$initdir/etc/systemd/system/$unit"
  done
  rm -f "$initdir"/usr/lib/systemd/system-generators/{systemd-gpt-auto-generator,systemd-debug-generator,systemd-ssh-generator,systemd-getty-generator}
  rm -f "$initdir"/{usr/,}{bin,sbin}/{agetty,login,sulogin,getty,su}
}
