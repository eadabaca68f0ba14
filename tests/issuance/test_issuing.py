"""The AC makes a certificate for whoever went through every step, and for nobody else."""

from tests.issuance.conftest import World


async def test_every_step_in_order_gives_a_certificate(world: World) -> None:
    """Order, installation password, term, possession: a certificate in the ordered person's name comes out."""
    await world.operator.place(world.now)
    visitor = world.visitor()
    await visitor.up_to_agreement(world.now)
    leaf, issuing, root = await visitor.issue(world.sam.possession(visitor, world.now))
    leaf.verify_directly_issued_by(issuing)
    issuing.verify_directly_issued_by(root)
    assert "CN=MARIA DA CONCEICAO D'AVILA:52998224725" in leaf.subject.rfc4514_string()
