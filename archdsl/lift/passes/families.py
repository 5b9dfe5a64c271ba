from archdsl.lift.tree import Net
def families(net: Net) -> Net:
    return net
