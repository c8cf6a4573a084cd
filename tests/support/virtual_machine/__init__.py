"""Virtual machines with disks whose reservations go through a helper, and no operating system.

    machine.py      one QEMU: how it is started, asked (QMP) and migrated
    qtest.py        QEMU's qtest protocol, by which the test takes the place of the processor
    virtio_scsi.py  the driver of the guest's SCSI adapter
    journey.py      one guest on its way from QEMU to QEMU

So a guest starts in a moment, on any kernel, and its commands take the same way as any guest's: scsi-block, pr-manager,
helper, disk.
"""
