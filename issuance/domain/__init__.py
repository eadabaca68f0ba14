"""Pure rules shared by the gateway's side, the AC and the operator's command; no I/O, time as an argument.

``order`` what may be ordered · ``profile`` products as data · ``term`` what a holder agrees to · ``install`` the
installation password · ``documents_br`` CPF and CNPJ · ``certificate_text`` ICP-Brasil's alphabet · ``masks``.
"""
