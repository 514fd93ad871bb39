"""The devices as S2 resource managers (protocol 0.0.2-beta, Fill Rate Based Control)."""
