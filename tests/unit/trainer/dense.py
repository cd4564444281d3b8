"""The plain form of every loss: whole matrices and autograd, written from the formulas."""

import torch

from trainer.targets import Block
from trainer.terms import Term
from trainer.weights import ClassWeights, PairWeights


def whole(classes: torch.Tensor) -> Block:
    at = torch.arange(len(classes))
    return Block(at, at, classes, classes)


def dense_loss(terms, x, y, log_scales, biases, classes):
    losses = [dense_term(t, x, y, log_scales[t.logits], biases[t.logits], classes) for t in terms]
    return sum(
        t.weight * (loss / loss.detach() if t.unit else loss)
        for t, loss in zip(terms, losses, strict=True)
    )


def dense_term(term: Term, x, y, log_scale, bias, classes):
    c = x @ y.T
    if term.similarity == "cos":
        s = c
    elif term.similarity == "geo1":
        s = 1 - 2 * torch.atan2(torch.sqrt(torch.clamp(1 - c**2, min=1e-12)), c) / torch.pi
    else:
        s = 1 - 2 * torch.acos(torch.clamp(c, -1 + 1e-6, 1 - 1e-6)) / torch.pi
    z = torch.exp(log_scale) * s + bias
    t = term.target.block(whole(classes)).to(z)
    return (_softmax if term.kind == "softmax" else _pairwise)(term, s, z, t, classes)


def _pairwise(term: Term, s, z, t, classes):
    size = len(classes)
    if term.prior is not None:
        prior = term.prior.to(z)[classes]
        z = z + (prior[:, None] + prior[None, :]) / 2
    p = 1 / (1 + torch.exp(-z))
    if term.kind == "sigmoid":
        loss = -(t * torch.log(p) + (1 - t) * torch.log(1 - p))
    elif term.kind == "mse":
        loss = (p - t) ** 2
    else:
        e = (p - t).abs()
        loss = torch.where(e < term.delta, 0.5 * e**2, term.delta * (e - 0.5 * term.delta))
    weights = []
    if term.imbalance is not None:
        w = term.imbalance.block(whole(classes)).to(z)
        weights.append(w / w.mean() if term.mean_one else w)
    if term.focal is not None:
        easy = (t - p).abs() if term.focal.form == "quality" else 1 - (t * p + (1 - t) * (1 - p))
        weights.append(torch.clamp(easy, min=1e-12) ** term.focal.gamma)
    if term.balance == "mass":
        like, unlike = t.sum(), (1 - t).sum()
        scale = size**2 / (2 * like * unlike)
        both = scale * (t * unlike + (1 - t) * like)
        weights.append(both if unlike > 0 else torch.ones_like(t))
    elif term.balance is not None:
        weights.append(2 * (term.balance * t + (1 - term.balance) * (1 - t)))
    if term.hard > 0:
        e = torch.exp(term.hard * s.detach())
        weights.append(t + (1 - t) * e / (((1 - t) * e).sum() / (1 - t).sum()))
    w = torch.stack(weights) if weights else torch.ones_like(z)[None]
    if term.combine == "product":
        w = w.prod(0)
    elif term.combine == "mean":
        w = w.mean(0)
    elif term.combine == "geometric":
        w = torch.exp(torch.log(w).mean(0))
    else:
        w = len(w) / (1 / w.clamp(min=1e-8)).sum(0)
    if term.mean_one_combined:
        w = w / w.detach().mean()
    return (w * loss).sum() / size


def _softmax(term: Term, s, z, t, classes):
    w = torch.ones_like(t)
    if isinstance(term.imbalance, PairWeights):
        w = term.imbalance.block(whole(classes)).to(z)
    prior = torch.zeros(len(t)).to(z) if term.prior is None else term.prior.to(z)[classes]
    query = torch.ones(len(t)).to(z)
    if isinstance(term.imbalance, ClassWeights):
        query = term.imbalance.of(classes).to(z)
    forth = _one_way(term, s, z + prior[None, :], t, w, query)
    back = _one_way(term, s.T, z.T + prior[None, :], t.T, w.T, query)
    return (forth + back) / 2


def _one_way(term: Term, s, z, t, w, query):
    p_target = t * w / (t * w).sum(1, keepdim=True)
    query = query * (t * w).sum(1) / t.sum(1)
    e = torch.exp(z - z.detach().amax(1, keepdim=True))
    if term.hard > 0:
        h = torch.exp(term.hard * s.detach())
        mean = ((1 - t) * h).sum(1, keepdim=True) / (1 - t).sum(1, keepdim=True)
        e = e * (t + (1 - t) * h / mean)
    log_z = torch.log(e.sum(1)) + z.detach().amax(1)
    ce = log_z - (p_target * z).sum(1)
    if term.focal is not None:
        floor = -torch.xlogy(p_target, p_target).sum(1)
        base = ce - floor if term.focal.form == "quality" else ce
        query = query * torch.clamp(1 - torch.exp(-base), min=1e-12) ** term.focal.gamma
    return (query * ce).sum() / query.detach().sum()
