"""A small float network with every activation that can be quantised, trained on digits."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from snnc.runtime.data import DataSet, load_data


class Mixed(nn.Module):
    """ReLU6, leaky ReLU, PReLU, a residual add, hard tanh, concat, both pools, a clamp."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.conv2, self.bn2 = nn.Conv2d(4, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.conv3, self.slope = nn.Conv2d(8, 8, 3, padding=1), nn.PReLU(8)
        self.conv4, self.drop = nn.Conv2d(8, 8, 1), nn.Dropout(0.5)
        self.fc1, self.fc2 = nn.Linear(16 * 2 * 2, 16), nn.Linear(16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.bn1(self.conv1(x)))
        x = F.max_pool2d(F.leaky_relu(self.bn2(self.conv2(x)), 0.1), 2)
        x = F.relu(self.slope(self.conv3(x)) + x, inplace=True)
        x = torch.cat([F.avg_pool2d(x, 2), F.hardtanh(self.conv4(x), -0.5, 0.5)[:, :, ::2, ::2]], 1)
        return self.fc2(torch.clamp(self.fc1(self.drop(x.flatten(1))), min=0))


def digits() -> tuple[DataSet, DataSet]:
    """300 to train on and calibrate with, 100 others."""
    return load_data("digits-train").limit(300), load_data("digits-test").limit(100)


def trained() -> Mixed:
    data = digits()[0]
    assert data.y is not None
    x, y = torch.from_numpy(data.x), torch.from_numpy(data.y)
    torch.manual_seed(0)
    model = Mixed()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(60):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return model.eval()
