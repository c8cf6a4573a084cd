"""A boot sector that counts its boots on the disk it came from, and starts the machine anew until the count is down.

Each time it reads the sector behind it, takes one from that sector's first byte, tells the whole sector to the port of
QEMU's -debugcon, and writes it back. With the count at zero it ends QEMU (isa-debug-exit, with EXIT_STATUS).
"""

EXIT_STATUS = 0x10 << 1 | 1

_CODE = (
    "31 c0"  # xor  ax, ax
    "8e d8"  # mov  ds, ax
    "8e c0"  # mov  es, ax
    "fc"  # cld
    "52"  # push dx             ; dl: the drive, from the BIOS
    "b8 01 02"  # mov  ax, 0x0201     ; read one sector
    "b9 02 00"  # mov  cx, 2          ; cylinder 0, sector 2, the first being 1
    "b6 00"  # mov  dh, 0
    "bb 00 7e"  # mov  bx, 0x7e00
    "cd 13"  # int  0x13
    "fe 0e 00 7e"  # dec  byte [0x7e00]
    "be 00 7e"  # mov  si, 0x7e00
    "b9 00 02"  # mov  cx, 512
    "ba e9 00"  # mov  dx, 0xe9
    "f3 6e"  # rep  outsb
    "5a"  # pop  dx
    "b8 01 03"  # mov  ax, 0x0301     ; write one sector
    "b9 02 00"  # mov  cx, 2
    "b6 00"  # mov  dh, 0
    "cd 13"  # int  0x13
    "80 3e 00 7e 00"  # cmp  byte [0x7e00], 0
    "74 07"  # je   over
    "ba f9 0c"  # mov  dx, 0xcf9      ; the chip set's reset control register
    "b0 06"  # mov  al, 6
    "ee"  # out  dx, al
    "f4"  # hlt
    "ba f4 00"  # over: mov dx, 0xf4
    "b0 10"  # mov  al, 0x10
    "ee"  # out  dx, al
    "f4"  # hlt
)

BOOT_SECTOR = bytes.fromhex(_CODE).ljust(510, b"\0") + b"\x55\xaa"
