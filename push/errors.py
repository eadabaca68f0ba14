"""What can go wrong on the way out. The first three are what carriers raise; a foreign error dies in its adapter."""

from foundation.errors import Internal, TooMany, Unavailable


class CarrierBusy(Unavailable):
    """Not now: the provider is away, slow to connect, or wants us slower (``retry_after``). Nothing left; try again."""

    code = "carrier_busy"
    summary = "The message could not be sent now; it will be tried again."
    message = "A mensagem ainda não pôde ser enviada; vamos tentar de novo."


class CarrierUnsure(Unavailable):
    """It may have left: the provider did not answer in time. Trying again could send it twice, so we do not."""

    code = "carrier_unsure"
    summary = "It is not known whether the message was sent."
    message = "Não sabemos se a mensagem foi enviada. Se ela não chegar, peça outra."


class CarrierRefused(Internal):
    """Never: this message, this recipient or our account is not accepted. Trying again is useless."""

    code = "carrier_refused"
    summary = "The message was refused by the provider."


class TooManyStreams(TooMany):
    """This gateway holds as many streams as it can."""

    code = "too_many_streams"
    summary = "Too many open streams. Try again in a moment."
    message = "Muitos celulares conectados agora. O aplicativo tenta de novo sozinho."


class SealDamaged(Internal):
    """A queued message does not open: another key, or a changed row."""

    code = "outbox_seal_damaged"
