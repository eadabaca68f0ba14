"""Signatures that other programs read: CMS, CAdES, PAdES and XAdES around a raw signature; and what they are worth.

A raw signature exists only over the digest that the holder approved. So every form is made in two halves:

    prepared = await service.prepare(form, signatory, content=…)   # or digest=…: nothing is signed yet
    …the holder approves ``prepared.digest``, the SAM signs exactly it…
    finished = await service.finish(prepared, signature)           # refuses a signature over anything else

* ``domain``: the forms and what goes with what, who signs, the prepared half as bytes, signature policies. Pure.
* ``service``: ``signing`` (the two halves; open it first), one module per family; ``verification`` the other way round.
* ``process``: where documents of others are parsed, one each. ``web``: the page *Verificar assinatura*, which
  ``openapi`` describes for programs.
* ``adapters``: the outside world: time-stamping authorities, our own AC, files.

It owns no table and sees no key.
"""
