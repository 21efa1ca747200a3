"""Functions that torch does not have, as they stand in an exported file."""

from __future__ import annotations

MAX_UNPOOL2D = '''\
def max_unpool2d(values, pooled, kernel_size, stride, padding=(0, 0, 0, 0)):
    """Puts each value where the max pooling of `pooled` found the largest, and 0 elsewhere.

    Where windows overlap on one place, the value of the last one stays. `padding` is that of F.pad.
    """
    image = F.pad(pooled.detach(), padding, value=float("-inf"))
    _, places = F.max_pool2d(image, kernel_size, stride, return_indices=True)
    places = places.flatten(2)
    windows = torch.arange(places.shape[2], device=places.device).expand_as(places)
    owner = torch.full_like(image, -1, dtype=torch.long).flatten(2)
    owner = owner.scatter_reduce(2, places, windows, "amax").reshape(image.shape)
    owner = F.pad(owner, [-pixels for pixels in padding])
    found = values.flatten(2).gather(2, owner.flatten(2).clamp(min=0)).reshape(owner.shape)
    return torch.where(owner >= 0, found, 0.0)
'''

#: name -> text, in the order in which they stand.
HELPERS: dict[str, str] = {"max_unpool2d": MAX_UNPOOL2D}
