"""``sign_ins``: who sits at the page; ``applications``: an owner's acts; ``admission``: an operator's."""
