"""A page that shows a campaign while it is dialled, and takes orders for it."""

from digitro_async.live_page._live_page import LivePage
from digitro_async.live_page._page_place import PagePlace, page_place
from digitro_async.live_page._page_sources import (
    ClientFacts,
    ControlFacts,
    ControlOrders,
    PageFacts,
    TakeOrder,
)
from digitro_async.live_page._page_token import page_token
from digitro_async.live_page._view_process import ViewProcess

__all__ = [
    "ClientFacts",
    "ControlFacts",
    "ControlOrders",
    "LivePage",
    "PageFacts",
    "PagePlace",
    "TakeOrder",
    "ViewProcess",
    "page_place",
    "page_token",
]
