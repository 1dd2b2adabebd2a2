"""PyTorch, eager: nn.Linear, autograd and torch.optim; inference in torch.inference_mode."""

import time

import torch
from common import serve
from torch import nn
from torch.nn import functional as F

ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": lambda: nn.LeakyReLU(0.01),
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "gelu": nn.GELU,
}


class Engine:
    def __init__(self, setup):
        torch.set_num_threads(setup.threads)
        self.derivative = None
        self.inference = setup.inference
        parameters, x, y = setup.arrays()
        modules = []
        for w, b in parameters:
            n_out, n_in = w.shape
            linear = nn.Linear(n_in, n_out, dtype=torch.float32 if setup.dtype == "f32" else torch.float64)
            with torch.no_grad():
                linear.weight.copy_(torch.from_numpy(w))
                linear.bias.copy_(torch.from_numpy(b))
            modules += [linear, ACTIVATIONS[setup.activation]()]
        self.model = nn.Sequential(*modules[:-1])
        self.x = torch.from_numpy(x)
        if self.inference:
            return
        self.y = torch.from_numpy(y)
        if setup.loss == "softmax-ce":
            self.y = self.y.long()
            self.loss = F.cross_entropy
        elif setup.loss == "mse":
            self.loss = F.mse_loss
        else:
            self.loss = lambda prediction, y: F.mse_loss(prediction, y, reduction="sum") * (0.5 / setup.batch)
        if setup.derivative:
            self.derivative = getattr(self, setup.derivative)
            self.parameters = dict(self.model.named_parameters())
            self.dx = self.x.flip(0)
            self.direction = {name: value.detach().flip(0) for name, value in self.parameters.items()}
            if setup.loss == "mse":
                # torch.func cannot take a tangent through F.mse_loss.
                self.loss = lambda prediction, y: ((prediction - y) ** 2).mean()
            if setup.derivative == "vjp":
                self.x.requires_grad_()
            return
        # `fused` makes one pass over each parameter. PyTorch's default on the CPU makes several and is slower.
        optimizer = torch.optim.SGD if setup.optimizer == "gd" else torch.optim.Adam
        self.optimizer = optimizer(self.model.parameters(), lr=setup.learning_rate, fused=True)

    def functional(self, parameters, x):
        return torch.func.functional_call(self.model, parameters, (x,))

    def jvp(self):
        with torch.no_grad():
            return torch.func.jvp(self.model, (self.x,), (self.dx,))[1:]

    def vjp(self):
        # Autograd itself, which is faster here than torch.func.vjp.
        prediction = self.model(self.x)
        seed = torch.full_like(prediction, 1 / len(prediction))
        return torch.autograd.grad(prediction, (*self.parameters.values(), self.x), seed)

    def hvp(self):
        parameters = {name: value.detach() for name, value in self.parameters.items()}
        gradient = torch.func.grad(lambda p: self.loss(self.functional(p, self.x), self.y))
        return tuple(torch.func.jvp(gradient, (parameters,), (self.direction,))[1].values())

    def step(self):
        self.optimizer.zero_grad()
        loss = self.loss(self.model(self.x), self.y)
        loss.backward()
        self.optimizer.step()
        return loss

    @torch.inference_mode()
    def predict(self, steps):
        for _ in range(steps):
            output = self.model(self.x)
        return output

    def check(self, steps):
        if self.inference:
            return self.predict(1).ravel().tolist()
        if self.derivative:
            return [(array**2).sum().item() for array in self.derivative()]
        return [self.step().item() for _ in range(steps)]

    def run(self, steps):
        start = time.perf_counter()
        if self.inference:
            self.predict(steps)
        elif self.derivative:
            for _ in range(steps):
                self.derivative()
        else:
            for _ in range(steps):
                self.step()
        return time.perf_counter() - start


serve(f"PyTorch {torch.__version__.split('+')[0]}", Engine)
