"""What the AC does, one module for each act.

``orders`` takes what operators signed · ``emission`` identifies who visits (I3, I4) · ``issuing`` makes certificates
(I1 to I10) · ``revocation`` ends them · ``publishing`` answers CRL and OCSP · ``time_stamping`` says when ·
``founding`` makes the authority itself ·
``files`` keeps lists outside the database · ``restore`` goes on after one was restored on purpose.
"""
