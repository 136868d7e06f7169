// SPDX-License-Identifier: Apache-2.0
// What a processor without an operating system does to run one 64-bit function of a kernel image: a BIOS of 64 KiB begins with
// it, at f000:0000. Real mode, page tables for the first GiB, long mode, call, eight bytes of result to port 0xe9, exit by
// QEMU's isa-debug-exit at 0xf4. Position independent: addresses are counted from `pvpci_emulated_start`.
#define AT(label) (0xf0000 + label - pvpci_emulated_start)
#define TABLES 0x1000
#define STACK 0x80000

  .section .rodata
  .globl pvpci_emulated_start, pvpci_emulated_end, pvpci_emulated_function, pvpci_emulated_arguments
  .hidden pvpci_emulated_start, pvpci_emulated_end, pvpci_emulated_function, pvpci_emulated_arguments
  .code16
pvpci_emulated_start:
  cli
  inb $0x92, %al  // address line 20
  orb $2, %al
  outb %al, $0x92
  xorw %ax, %ax
  movw %ax, %es
  cld
  movw $TABLES, %di
  xorl %eax, %eax
  movw $0xc00, %cx
  rep stosl
  movl $TABLES + 0x1003, %es:TABLES
  movl $TABLES + 0x2003, %es:TABLES + 0x1000
  movw $TABLES + 0x2000, %di
  movl $0x83, %eax  // present, writable, 2 MiB
1:
  movl %eax, %es:(%di)
  addl $0x200000, %eax
  addw $8, %di
  cmpw $TABLES + 0x3000, %di
  jne 1b
  data32 lgdt %cs:(descriptors - pvpci_emulated_start)
  movl $TABLES, %eax
  movl %eax, %cr3
  movl %cr4, %eax
  orl $0x620, %eax  // PAE, SSE
  movl %eax, %cr4
  movl $0xc0000080, %ecx  // EFER.LME
  rdmsr
  orl $0x100, %eax
  wrmsr
  movl %cr0, %eax
  andl $~4, %eax
  orl $0x80000003, %eax
  movl %eax, %cr0
  ljmpl $8, $AT(wide)
  .code64
wide:
  movw $16, %ax
  movw %ax, %ds
  movw %ax, %es
  movw %ax, %ss
  movl $STACK, %esp
  movq pvpci_emulated_arguments(%rip), %rdi
  movq pvpci_emulated_arguments + 8(%rip), %rsi
  call *pvpci_emulated_function(%rip)
  movl $8, %ecx
2:
  outb %al, $0xe9
  shrq $8, %rax
  loop 2b
  movw $0xf4, %dx
  outb %al, %dx
  hlt
descriptors:
  .word 23
  .long AT(table)
table:
  .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
pvpci_emulated_function:
  .quad 0
pvpci_emulated_arguments:
  .quad 0, 0
pvpci_emulated_end:

  .section .note.GNU-stack, "", @progbits
