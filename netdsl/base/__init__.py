"""What every room stands on and that knows nothing of networks; imports nothing of netdsl from outside the room."""
