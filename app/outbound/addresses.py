"""Which addresses the service may call on behalf of a client."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address

_GLOBAL_V6 = IPv6Network("2000::/3")
"""All that has been given to the public internet. What is mapped, translated (NAT64), link-local, unique local or
multicast lies outside."""

_SPECIAL_V6 = tuple(
    map(IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"))
)  # IETF protocols (Teredo, ORCHID), documentation, 6to4, AS112

_PRIVATE_V4 = tuple(map(IPv4Network, ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")))
_PRIVATE_V6 = tuple(map(IPv6Network, ("::1/128", "fc00::/7")))

_SPECIAL_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "169.254.0.0/16",  # link-local: among others the credentials of cloud machines
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.31.196.0/24",
            "192.52.193.0/24",
            "192.88.99.0/24",  # 6to4 relays
            "192.175.48.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/3",  # multicast, reserved, broadcast
        ),
    )
)
"""From IANA's registries of special-purpose addresses; never the address of a server that a client may mean."""


def may_call(address: str, *, private: bool) -> bool:
    """Whether an address, as a resolver answers it, may be called; with `private` those of this network, too."""
    try:
        read = ip_address(address)
    except ValueError:
        return False
    if isinstance(read, IPv4Address):
        return _may_call_v4(read, private)
    return read.scope_id is None and _may_call_v6(read, private)


def _may_call_v4(address: IPv4Address, private: bool) -> bool:
    if any(address in network for network in _PRIVATE_V4):
        return private
    return not any(address in network for network in _SPECIAL_V4)


def _may_call_v6(address: IPv6Address, private: bool) -> bool:
    if any(address in network for network in _PRIVATE_V6):
        return private
    return address in _GLOBAL_V6 and not any(address in network for network in _SPECIAL_V6)
