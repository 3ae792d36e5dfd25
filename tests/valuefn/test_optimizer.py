import torch

from forethought.valuefn.optimizer import AdamW


def test_the_optimiser_is_that_of_torch_bit_for_bit() -> None:
    generator = torch.Generator().manual_seed(0)
    ours = [torch.randn(3, 2, generator=generator).t(), torch.randn(4, generator=generator)]
    theirs = [torch.nn.Parameter(each.clone()) for each in ours]
    mine = AdamW(ours, 1e-2, 1e-1)
    reference = torch.optim.AdamW(theirs, lr=1e-2, weight_decay=1e-1, fused=True)
    for step in range(4):
        gradients = [torch.randn(each.shape, generator=generator) for each in ours]
        if step == 2:  # as a run that was cut goes on
            state = {name: each.clone() for name, each in mine.state().items()}
            mine = AdamW(ours, 1e-2, 1e-1)
            mine.restore(state)
        mine.step(gradients)
        for each, gradient in zip(theirs, gradients, strict=True):
            each.grad = torch.empty_like(each).copy_(gradient)  # its kernel looks at no strides
        reference.step()
    assert all(torch.equal(one, other) for one, other in zip(ours, theirs, strict=True))
