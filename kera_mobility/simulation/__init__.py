"""One day: travellers, disturbances, choice and rerouting."""
