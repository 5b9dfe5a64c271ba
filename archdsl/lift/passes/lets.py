from archdsl.lift.tree import Net
def lets(net: Net) -> Net:
    return net
