"""The control link: typed messages between the leg and the control process, over one socket."""
