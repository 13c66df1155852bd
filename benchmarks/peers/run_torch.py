"""The network as PyTorch runs it, in float."""

from common import arguments, load_data, load_net, report

a = arguments()
net = load_net(a.weights)
x, y = load_data(a.data, a.limit)
report(net, x, y, a.batch)
