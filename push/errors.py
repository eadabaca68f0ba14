"""What can go wrong on the way out. The first four are what carriers raise; a foreign error dies in its adapter.

``CarrierBusy`` is temporary, ``CarrierRefused`` and ``AddressDead`` are for ever, ``CarrierUnsure`` is neither: never
to be confused, so they are types.
"""

from foundation.errors import BadInput, Gone, Internal, NotFound, NotPermitted, TooMany, Unavailable


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


class StreamsBusy(Unavailable):
    """More phones are opening streams just now than this gateway looks at in a second. Each has its own time."""

    code = "streams_busy"
    summary = "Many phones are connecting. Come back when told."
    message = "Muitos celulares se conectando agora. O aplicativo tenta de novo sozinho."


class SealDamaged(Internal):
    """A queued message does not open: another key, or a changed row."""

    code = "outbox_seal_damaged"


class AddressDead(CarrierRefused):
    """Never at this address: the app is gone, or forbade it. The address is forgotten."""

    code = "address_dead"
    summary = "There is no phone at this address any more."


class NotWanted(Gone):
    """What was queued is of no use any more: decided, withdrawn, or the phone knows already."""

    code = "message_not_wanted"
    summary = "The message is of no use any more."


class AddressInvalid(BadInput):
    """Not an address at a push service that we know."""

    code = "push_address_invalid"
    summary = "This push address cannot be used."
    message = "O navegador deste celular usa um serviço de notificações que não conhecemos."


class PushNotOffered(NotFound):
    """Nothing is sent that way here."""

    code = "push_not_offered"
    summary = "This kind of push is not set up here."
    message = "As notificações não estão disponíveis."


class CallbackRefused(NotPermitted):
    """Not the provider's signature over what arrived at this address."""

    code = "callback_refused"
