"""The network as PyTorch runs it, in float."""

from common import arguments, load_data, load_net, report

a = arguments()
report(load_net(a), load_data(a), a)
