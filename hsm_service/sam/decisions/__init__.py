"""The holder's signed answer: step 7, in its lettered parts."""
