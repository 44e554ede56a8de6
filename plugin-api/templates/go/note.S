/* The manifest as an ELF note, which the host reads without running any code of the plugin. */
  .section .note.tomada, "aR", @note
  .balign 4
  .long 7                      /* the owner's name with its NUL */
  .long manifest_end - manifest
  .long 1                      /* TOMADA_NOTE_MANIFEST */
  .asciz "Tomada"
  .balign 4
manifest:
  .incbin "manifest.json"
manifest_end:
  .balign 4
  .section .note.GNU-stack, "", @progbits
