"""The demo company: made-up customers and orders, the same at every load but for the date."""

from crm_bridge.demo.loading import SEED, DemoSummary, load
from crm_bridge.demo.notices import DemoNotices
from crm_bridge.demo.showcase import DemoCustomer, showcase

__all__ = ["SEED", "DemoCustomer", "DemoNotices", "DemoSummary", "load", "showcase"]
